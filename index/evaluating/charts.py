"""Reliability diagrams and histograms of scores as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog.pages.axes import Scale, ticks
from catalog.pages.markup import Html, element, escaped, joined
from catalog.pages.stacked import stacked_figure

_SIDE, _LEFT, _BOTTOM, _EDGE = 260, 40, 34, 10
_WIDTH, _ROW, _BARS = 340, 58, 40
_KINDS = {"2": "exact", "1": "substitute", "0": "irrelevant", "random": "random"}
_CUTS = {"substitute": "first", "exact": "second"}


def reliability_chart(title: str, cuts: Mapping[str, Sequence[Mapping[str, float]]]) -> Html:
    """Said probability across, share that was so upwards; on the diagonal both agree.

    A bin of equal mass is a dot; browsers show its numbers on pointing at it.
    """
    x = Scale(0.0, 1.0, _LEFT, _SIDE - _EDGE)
    y = Scale(0.0, 1.0, _SIDE - _BOTTOM, _EDGE)
    marks = [_mark(value, x, y) for value in ticks(0.0, 1.0)]
    line = element("line", x1=x(0), y1=y(0), x2=x(1), y2=y(1), class_="grid")
    dots = [_bins(name, bins, x, y) for name, bins in cuts.items()]
    names = [
        element("text", escaped("said"), x=_SIDE - _EDGE, y=_SIDE - 4, text_anchor="end"),
        element("text", escaped("so"), x=4, y=_EDGE + 8),
    ]
    svg = element(
        "svg",
        [*marks, line, *dots, *names],
        viewBox=f"0 0 {_SIDE} {_SIDE}",
        role="img",
        aria_label=f"Reliability: {title}",
    )
    keys = [
        element(
            "span",
            [
                element("i", class_=_CUTS[name]),
                escaped(f"P({name}{' or better' * (name != 'exact')})"),
            ],
            class_="key",
        )
        for name in cuts
    ]
    return element(
        "figure",
        [element("figcaption", escaped(title)), svg, element("p", keys, class_="legend")],
    )


def _mark(value: float, x: Scale, y: Scale) -> Html:
    across, upwards = x(value), y(value)
    return joined(
        [
            element("line", x1=across, x2=across, y1=y(0), y2=y(0) + 4, class_="grid"),
            element("text", escaped(f"{value:g}"), x=across, y=y(0) + 15, text_anchor="middle"),
            element("line", x1=_LEFT, x2=_SIDE - _EDGE, y1=upwards, y2=upwards, class_="grid"),
            element("text", escaped(f"{value:g}"), x=_LEFT - 6, y=upwards + 4, text_anchor="end"),
        ]
    )


def _bins(name: str, bins: Sequence[Mapping[str, float]], x: Scale, y: Scale) -> Html:
    points = [(x(one["said"]), y(one["so"])) for one in bins]
    line = element(
        "polyline", points=" ".join(f"{across},{up}" for across, up in points), class_=_CUTS[name]
    )
    dots = [
        element(
            "circle",
            element(
                "title",
                escaped(f"said {one['said']:.3f}, so {one['so']:.3f}, {one['pairs']:,} pairs"),
            ),
            cx=across,
            cy=up,
            r=3.2,
            class_=_CUTS[name],
        )
        for one, (across, up) in zip(bins, points, strict=True)
    ]
    return joined([line, *dots])


def score_histogram(title: str, scores: Mapping[str, Any]) -> Html:
    """A row of bars a grade, exact on top, random products below; heights are shares of the row."""
    low, counts = scores["low"], scores["counts"]
    x = Scale(low, 1.0, 14, _WIDTH - 14)
    shares = {name: [n / max(1, sum(row)) for n in row] for name, row in counts.items()}
    highest = max((share for row in shares.values() for share in row), default=0.0) or 1.0
    rows = [
        _row(name, counts[name], [share / highest for share in shares[name]], x, at * _ROW)
        for at, name in enumerate(_KINDS)
    ]
    return stacked_figure(title, title, rows, x, width=_WIDTH, bottom=_ROW * len(rows))


def _row(name: str, counts: Sequence[int], heights: Sequence[float], x: Scale, top: float) -> Html:
    base, kind = top + _ROW - 4, _KINDS[name]
    parts = [
        element("line", x1=x(x.low), x2=x(x.high), y1=base, y2=base, class_="grid"),
        element("text", escaped(f"{kind}: {sum(counts):,} pairs"), x=14, y=top + 10),
    ]
    width = (x.high - x.low) / max(1, len(counts))
    for place, (count, height) in enumerate(zip(counts, heights, strict=True)):
        low, high = x.low + place * width, x.low + (place + 1) * width
        if count:
            tall = round(max(1.0, height * _BARS), 1)
            parts.append(
                element(
                    "rect",
                    element("title", escaped(f"{low:.2f} to {high:.2f}: {count:,}")),
                    x=x(low),
                    y=round(base - tall, 1),
                    width=round(max(1.0, x(high) - x(low) - 1.0), 1),
                    height=tall,
                    class_=kind,
                )
            )
    return joined(parts)

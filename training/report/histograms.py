"""Cosines of judged products by grade: one row of bars a grade, with the band it should lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catalog.model import Grade
from catalog.pages.axes import Scale
from catalog.pages.markup import Html, element, escaped, joined
from catalog.pages.stacked import stacked_figure

Band = tuple[float, float]

_WIDTH, _LEFT, _RIGHT = 340, 14, 14
_ROW, _BARS = 58, 40  # units of a grade's row, and of its highest bar
_KINDS = {grade.value: grade.name.lower() for grade in Grade}


def circle_bands(circle: Mapping[str, float]) -> dict[int, Band]:
    """Where the circle loss wants each grade: between its boundaries, in cosine."""
    return {
        Grade.EXACT: (circle["two_boundary"], 1.0),
        Grade.SUBSTITUTE: (circle["one_positive_boundary"], circle["one_negative_boundary"]),
        Grade.IRRELEVANT: (-1.0, circle["zero_boundary"]),
    }


def share_in_band(counts: Sequence[int], band: Band) -> float | None:
    """Share of the pairs whose bin has its middle in the band; None without pairs.

    `counts` are of equal bins from -1 to 1.
    """
    inside = sum(
        number
        for place, number in enumerate(counts)
        if band[0] < _edge(place + 0.5, len(counts)) < band[1]
    )
    return inside / sum(counts) if sum(counts) else None


def lowest_edge(histograms: Sequence[Mapping[str, Sequence[int]]]) -> float:
    """Where the axis begins: 0, or a quarter below at which all used bins lie above."""
    used = [
        _edge(place, len(counts))
        for by_grade in histograms
        for counts in by_grade.values()
        for place, number in enumerate(counts)
        if number
    ]
    least = min(used, default=0.0)
    return next((quarter for quarter in (0.0, -0.25, -0.5, -0.75) if least >= quarter), -1.0)


def grade_histogram(
    title: str, by_grade: Mapping[str, Sequence[int]], bands: Mapping[int, Band], low: float
) -> Html:
    """Bars of each grade's share by bin from `low` to 1, grade 2 on top; heights compare."""
    x = Scale(low, 1.0, _LEFT, _WIDTH - _RIGHT)
    shares = {
        int(grade): [number / max(1, sum(counts)) for number in counts]
        for grade, counts in by_grade.items()
    }
    highest = max((share for row in shares.values() for share in row), default=0.0) or 1.0
    rows = [
        _row(grade, by_grade[str(grade)], shares[grade], highest, bands[grade], x, place * _ROW)
        for place, grade in enumerate(sorted(shares, reverse=True))
    ]
    return stacked_figure(
        title, f"Cosine by grade {title}", rows, x, width=_WIDTH, bottom=_ROW * len(rows)
    )


def _row(
    grade: int,
    counts: Sequence[int],
    shares: Sequence[float],
    highest: float,
    band: Band,
    x: Scale,
    top: float,
) -> Html:
    base, kind = top + _ROW - 4, _KINDS[grade]
    left, right = x(max(band[0], x.low)), x(min(band[1], 1.0))
    inside = share_in_band(counts, band)
    words = f"grade {grade}: {sum(counts):,} pairs"
    if inside is not None:
        words += f", {inside:.0%} in its band"
    parts = [
        element(
            "rect",
            x=left,
            y=top + 14,
            width=round(max(0.0, right - left), 1),
            height=_ROW - 18,
            class_=f"band {kind}",
        ),
        element("line", x1=x(x.low), x2=x(1.0), y1=base, y2=base, class_="grid"),
        element("text", escaped(words), x=_LEFT, y=top + 10),
    ]
    for place, (number, share) in enumerate(zip(counts, shares, strict=True)):
        if number:
            parts.append(_bar(place, len(counts), number, share / highest, base, kind, x))
    return joined(parts)


def _bar(
    place: int, bins: int, number: int, share: float, base: float, kind: str, x: Scale
) -> Html:
    low, high = _edge(place, bins), _edge(place + 1, bins)
    height = round(max(1.0, share * _BARS), 1)
    return element(
        "rect",
        element("title", escaped(f"{low:.2f} to {high:.2f}: {number:,}")),
        x=x(low),
        y=round(base - height, 1),
        width=round(max(1.0, x(high) - x(low) - 1.0), 1),
        height=height,
        class_=kind,
    )


def _edge(place: float, bins: int) -> float:
    return 2.0 * place / bins - 1.0

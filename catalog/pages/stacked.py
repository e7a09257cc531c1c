"""Rows of bars over one axis, as a figure: what score histograms by grade share."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.pages.axes import Scale, ticks
from catalog.pages.markup import Html, element, escaped


def stacked_figure(
    title: str, label: str, rows: Sequence[Html], x: Scale, *, width: int, bottom: int
) -> Html:
    """`rows`, drawn down to `bottom`, above the values of `x`; `label` is for who cannot see it."""
    axis = [
        element("text", escaped(f"{value:g}"), x=x(value), y=bottom + 14, text_anchor="middle")
        for value in ticks(x.low, x.high, 9)
    ]
    svg = element(
        "svg",
        [*rows, *axis],
        viewBox=f"0 0 {width} {bottom + 20}",
        role="img",
        aria_label=label,
    )
    return element("figure", [element("figcaption", escaped(title)), svg])

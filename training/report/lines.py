"""Curves over steps as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.pages.axes import Scale, ticks
from catalog.pages.markup import Html, element, escaped, joined

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 10, 30


@dataclass(frozen=True)
class Curve:
    """A named series of (step, value); `kind` is its class in the style sheet."""

    name: str
    kind: str
    points: Sequence[tuple[float, float]]


def line_chart(
    title: str, curves: Sequence[Curve], *, values: tuple[float, float] | None = None
) -> Html:
    """All curves over one axis of steps; `values` are the least and greatest shown.

    Every point carries its step and value as a text that browsers show on pointing at it.
    """
    points = [point for curve in curves for point in curve.points]
    steps = [step for step, _ in points]
    low, high = values or roomy([value for _, value in points])
    x = Scale(min(steps), max(steps), _LEFT, _WIDTH - _RIGHT)
    y = Scale(low, high, _HEIGHT - _BOTTOM, _TOP)
    drawn = [
        *(_level(value, y) for value in ticks(low, high)),
        *(_step(step, x) for step in ticks(x.low, x.high)),
        *(_curve(curve, x, y) for curve in curves),
    ]
    svg = element("svg", drawn, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=title)
    parts = [element("figcaption", escaped(title)), svg]
    if len(curves) > 1:
        parts.append(legend([(curve.name, curve.kind) for curve in curves]))
    return element("figure", parts)


def legend(entries: Sequence[tuple[str, str]]) -> Html:
    """Names beside their colours."""
    return element(
        "p",
        [
            element("span", [element("i", class_=kind), escaped(name)], class_="key")
            for name, kind in entries
        ],
        class_="legend",
    )


def roomy(values: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest of them with some room around; at least one value."""
    low, high = min(values), max(values)
    margin = (high - low or abs(high) or 1.0) * 0.08
    return low - margin, high + margin


def _level(value: float, y: Scale) -> Html:
    place = y(value)
    line = element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=place, y2=place, class_="grid")
    label = element("text", escaped(f"{value:g}"), x=_LEFT - 6, y=place + 4, text_anchor="end")
    return joined((line, label))


def _step(step: float, x: Scale) -> Html:
    return element(
        "text", escaped(f"{step:g}"), x=x(step), y=_HEIGHT - _BOTTOM + 18, text_anchor="middle"
    )


def _curve(curve: Curve, x: Scale, y: Scale) -> Html:
    places = " ".join(f"{x(step)},{y(value)}" for step, value in curve.points)
    line = element("polyline", points=places, class_=curve.kind)
    dots = [
        element(
            "circle",
            element("title", escaped(f"{curve.name}, step {step}: {value}")),
            cx=x(step),
            cy=y(value),
            r=2.5,
            class_=curve.kind,
        )
        for step, value in curve.points
    ]
    return joined((line, *dots))

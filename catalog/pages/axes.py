"""From values to places in a drawing, and round values to mark on an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0)


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` drawn from `start` to `end`, in the drawing's units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value; the middle where all values are one."""
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return round(self.start + share * (self.end - self.start), 1)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most `most` round values (1, 2, 2.5 or 5 by a power of ten apart) from `low` to `high`."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(
        power * factor
        for factor in _STEPS
        if _last(high, power * factor) - _first(low, power * factor) < most
    )
    # A step has one digit or two, so that this only takes float noise away.
    return [
        float(f"{place * step:.12g}") for place in range(_first(low, step), _last(high, step) + 1)
    ]


def _first(low: float, step: float) -> int:
    return math.ceil(low / step - 1e-9)


def _last(high: float, step: float) -> int:
    return math.floor(high / step + 1e-9)

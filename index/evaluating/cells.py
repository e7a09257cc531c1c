"""Numbers of a report as words, for text and page alike."""

from __future__ import annotations

from collections.abc import Mapping


def interval(record: Mapping[str, float | None], sign: str = "") -> str:
    """`0.745 [0.687, 0.804]`; `none` where nothing was measured; `sign` may be `+`."""
    if record["mean"] is None:
        return "none"
    low, high = record["low"], record["high"]
    return f"{record['mean']:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def number(value: float | None) -> str:
    """Three digits after the point; `none` where there is no number."""
    return "none" if value is None else f"{value:.3f}"


def overlap_note(overlap: Mapping[str, int]) -> str:
    """Why figures on seen queries say little."""
    return (
        f"{overlap['trained']} of these queries trained the encoder, "
        f"{overlap['calibrated']} calibrated this index: their figures flatter"
    )

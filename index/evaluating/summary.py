"""Means of figures with their intervals, beside lexical search and beside another index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.measures import Interval, bootstrap_mean, paired_bootstrap
from index.calibration import MODES, Mode
from index.evaluating.figures import FIGURES, LESS_IS_BETTER, Figures

Rows = NDArray[np.bool_]
Verdict = str  # "better", "worse" or "level": does the paired interval lie on one side of 0?


def means(
    figures: Figures, names: tuple[str, ...] = FIGURES, rows: Rows | None = None
) -> dict[str, Any]:
    """Mode → figure → mean with its 95 % bootstrap interval over the queries `rows` (all)."""
    kept = slice(None) if rows is None else rows
    return {
        mode: {name: bootstrap_mean(figures.values[mode][name][kept]).record() for name in names}
        for mode in MODES
    }


def differences(
    figures: Figures,
    names: tuple[str, ...] = FIGURES,
    rows: Rows | None = None,
    *,
    behind: Mode = "lexical",
) -> dict[str, Any]:
    """Mode → figure → mode less `behind`, query by query, for the other modes with a dense arm."""
    kept = slice(None) if rows is None else rows
    theirs = figures.values[behind]
    return {
        mode: {
            name: difference(name, figures.values[mode][name][kept], theirs[name][kept])
            for name in names
        }
        for mode in MODES
        if mode not in ("lexical", behind)
    }


def difference(name: str, ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> dict[str, Any]:
    """`ours - theirs`, paired, with interval and verdict; both (queries,) of the figure `name`."""
    interval = paired_bootstrap(ours, theirs)
    return {**interval.record(), "verdict": verdict(name, interval)}


def verdict(name: str, interval: Interval) -> Verdict | None:
    """Whether the first is better or worse by this figure, or level within noise; None if empty."""
    if interval.count == 0:
        return None
    if interval.low <= 0.0 <= interval.high:
        return "level"
    return "worse" if (interval.high < 0.0) != (name in LESS_IS_BETTER) else "better"


def compared(ours: Figures, theirs: Figures, names: Mapping[str, str]) -> dict[str, Any]:
    """Every figure of two runs over the same queries in the same order, and `first - second`.

    `names` are what to call `first` and `second`.
    """
    return {
        **names,
        "queries": len(ours.queries),
        "modes": {
            mode: {
                name: {
                    "first": bootstrap_mean(ours.values[mode][name]).record(),
                    "second": bootstrap_mean(theirs.values[mode][name]).record(),
                    "difference": difference(
                        name, ours.values[mode][name], theirs.values[mode][name]
                    ),
                }
                for name in FIGURES
            }
            for mode in MODES
        },
    }

"""Reliability diagram as a PNG: what was said across, what was so upwards, with bootstrap bands.

matplotlib is in the extra `eval` and is loaded only here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.errors import GradusError

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

BINS = 10
RESAMPLES = 500
CONFIDENCE = 0.95
_INCHES = 4.2


@dataclass(frozen=True)
class Curve:
    """Bins of equal mass, all (bins,): mean `said`, share that was `so`, its band, `pairs`.

    The band is the 95 % interval over queries drawn again, hits of one query together.
    """

    said: Scores
    so: Scores
    low: Scores
    high: Scores
    pairs: Ints


def reliability(said: Scores, so: Flags, query: Ints, seed: int = 0) -> Curve:
    """The curve of probabilities (n,) against outcomes (n,); `query` numbers the query of each.

    Pairs of one probability share a bin. Raises ValueError when there is no pair.
    """
    if not len(said):
        raise ValueError("a reliability diagram needs pairs")
    edges = np.unique(np.quantile(said, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, said, side="right")
    used, bins = np.unique(bins, return_inverse=True)
    _, number = np.unique(query, return_inverse=True)
    shape = int(number.max()) + 1, len(used)
    cell = number * shape[1] + bins
    counts, right, sums = (
        np.bincount(cell, weights, shape[0] * shape[1]).reshape(shape)
        for weights in (np.ones(len(said)), so.astype(np.float64), said)
    )
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(shape[0], np.full(shape[0], 1 / shape[0]), RESAMPLES).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (drawn @ right) / (drawn @ counts)
    tail = (1.0 - CONFIDENCE) / 2
    low, high = np.nanquantile(shares, (tail, 1.0 - tail), axis=0)
    pairs = counts.sum(axis=0)
    return Curve(
        sums.sum(axis=0) / pairs, right.sum(axis=0) / pairs, low, high, pairs.astype(np.int64)
    )


def draw_reliability(panels: Mapping[str, Mapping[str, Curve]], out: Path) -> None:
    """Write a PNG: one panel a population, in it one curve a cut (`P(>=1)`, `P(=2)`).

    Raises GradusError when matplotlib is not installed or the file cannot be written.
    """
    figure = _figure(len(panels))
    for axes, (title, curves) in zip(figure.axes, panels.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for name, curve in curves.items():
            band = (curve.so - curve.low, curve.high - curve.so)
            axes.errorbar(
                curve.said,
                curve.so,
                yerr=np.maximum(0.0, band),
                marker="o",
                markersize=4,
                linewidth=1.2,
                capsize=2,
                label=name,
            )
        axes.set(title=title, xlim=(0, 1), ylim=(0, 1), xlabel="said", ylabel="so", aspect="equal")
        axes.legend(loc="upper left", frameon=False)
    try:
        figure.savefig(out, format="png", dpi=120)
    except OSError as error:
        raise GradusError(
            f"the diagram cannot be written: {error.strerror}", where=out, hint="Check the path."
        ) from error


def _figure(panels: int) -> Any:
    try:
        from matplotlib.figure import Figure  # no pyplot: no window, no state
    except ModuleNotFoundError as error:
        raise GradusError(
            "a reliability diagram needs matplotlib, which is not installed",
            hint='Install it: pip install -e ".[eval]".',
        ) from error
    figure = Figure(figsize=(_INCHES * panels, _INCHES), layout="constrained")
    figure.subplots(1, panels, squeeze=False)
    return figure

"""Scores by grade, before and after: what the stages did to the space, as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from training.ablation.job import BASE, Record

_SHOWN = (BASE, "supcon", "full")
_GRADES = (
    ("0", "irrelevant", "#b2182b"),
    ("1", "substitute", "#ef8a62"),
    ("2", "exact", "#2166ac"),
)
_BANDS = (0.25, 0.40, 0.60, 0.75)


def draw_scores(records: Mapping[str, Mapping[int, Record]], test: str, path: Path) -> None:
    """Histograms of the cosine per grade for the base, stage 1 and stage 2, all seeds together.

    Dashed lines are the boundaries of the circle loss: 0 below .25, 1 in [.40, .60], 2 above .75.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    shown = [arm for arm in _SHOWN if arm in records]
    figure, axes = pyplot.subplots(
        len(shown), 1, figsize=(7, 2.2 * len(shown)), sharex=True, squeeze=False
    )
    edges = np.linspace(-1.0, 1.0, 81)
    for axis, arm in zip(axes[:, 0], shown, strict=True):
        for grade, label, colour in _GRADES:
            density = _density(
                [run["tests"][test]["cosines"][grade] for run in records[arm].values()]
            )
            axis.stairs(density, edges, label=label, color=colour, fill=True, alpha=0.45)
        for band in _BANDS:
            axis.axvline(band, color="#666666", linewidth=0.8, linestyle="--")
        axis.set_title({BASE: "pre-trained base"}.get(arm, arm), loc="left", fontsize=10)
        axis.set_yticks([])
    axes[0, 0].legend(loc="upper left", fontsize=8)
    axes[-1, 0].set_xlabel("cosine of query and judged product")
    axes[-1, 0].set_xlim(-0.4, 1.0)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _density(histograms: Sequence[Sequence[int]]) -> np.ndarray:
    counts = np.sum(np.asarray(histograms, np.float64), axis=0)
    return counts / max(1.0, float(counts.sum()))

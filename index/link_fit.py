"""Fitting a link: scores and grades in, two monotone piecewise-linear curves out.

Scores are cut into bins of equal mass; each bin gives a smoothed share of grade >= 1 and of
grade = 2; pooling adjacent violators makes the shares rise; straight lines join the bins. A ramp
of 2 % over the whole range keeps the curves from standing still, so a better score is never worth
exactly the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade
from index.calibration import Link

Scores = NDArray[np.float64]
Grades = NDArray[np.int64]

BINS = 20
RAMP = 0.02
# Weight of the prior in each bin, in pairs, at the overall share: keeps a small bin from certainty.
PRIOR = 2.0


def fit_link(scores: Scores, grades: Grades, low: float, high: float) -> Link:
    """The link of pairs (n,) on the score range [low, high].

    At `low` both curves are 0; at `high` they stand half-way between the last bin and certainty,
    for a better score than any seen is worth more, but nobody has measured how much.
    Raises ValueError when there is no pair.
    """
    if not len(scores):
        raise ValueError("a link needs pairs")
    order = np.argsort(scores, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    centres = np.array([scores[rows].mean() for rows in bins])
    sizes = np.array([float(len(rows)) for rows in bins])
    curves = []
    for least in (Grade.SUBSTITUTE, Grade.EXACT):
        reached = grades >= least
        prior = reached.mean()
        shares = np.array([(reached[rows].sum() + PRIOR * prior) for rows in bins])
        curves.append(isotonic(shares / (sizes + PRIOR), sizes))
    return _through(centres, curves[0], np.minimum(*curves), low, high)


def isotonic(values: Scores, weights: Scores) -> Scores:
    """The rising sequence nearest to `values`, least squares: pool adjacent violators."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean, mass, length = blocks.pop()
            total = mass + block[1]
            block = ((mean * mass + block[0] * block[1]) / total, total, length + block[2])
        blocks.append(block)
    return np.repeat([mean for mean, _, _ in blocks], [length for _, _, length in blocks])


def _through(centres: Scores, substitute: Scores, exact: Scores, low: float, high: float) -> Link:
    # Bins of equal scores share a centre: the last one, which holds the highest share, stands.
    last = np.append(np.diff(centres) > 1e-9, True) & (centres > low) & (centres < high)
    knots = np.concatenate([[low], centres[last], [high]])
    ramp = (knots - low) / (high - low)
    return Link(
        scores=tuple(knots.tolist()),
        substitute=_curve(substitute[last], ramp),
        exact=_curve(exact[last], ramp),
    )


def _curve(shares: Scores, ramp: Scores) -> tuple[float, ...]:
    top = (shares[-1] + 1.0) / 2 if len(shares) else 1.0
    curve = (1.0 - RAMP) * np.concatenate([[0.0], shares, [top]]) + RAMP * ramp
    return tuple(np.maximum.accumulate(curve).tolist())

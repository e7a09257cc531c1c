"""Tier cuts from calibration pairs, by a named policy.

`balanced`: the two cuts on relevance that maximise macro-F1 over the three grades, on judged and
drawn pairs together, each weighing the same. Accuracy alone would give up the grade
that is hardest to tell (substitutes, as a rule) wherever another is more common; macro-F1 keeps all
three tiers in use, and the drawn pairs keep random products out of the upper two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index.calibration import Thresholds

Scores = NDArray[np.float64]
Grades = NDArray[np.int64]

GRADES = 3
_STEPS = 200


def balanced(relevance: Scores, grades: Grades, floor: float = 0.0) -> Thresholds:
    """The pair of cuts with the best macro-F1, of those that are `floor` or above.

    `relevance` (n,) in [0, 1], `grades` (n,) in {0, 1, 2}. Cuts lie between relevances that occur,
    or at the floor.
    """
    cuts = _cuts(relevance)
    cuts = np.concatenate([[floor], cuts[cuts > floor]]) if floor > 0.0 else cuts
    # at_least[g, i]: pairs of grade g with relevance >= cuts[i]
    at_least = np.array([_reaching(cuts, relevance[grades == g]) for g in range(GRADES)])
    counts = np.bincount(grades, minlength=GRADES)
    low, high = np.meshgrid(np.arange(len(cuts)), np.arange(len(cuts)), indexing="ij")
    hits = [counts[0] - at_least[0, low], at_least[1, low] - at_least[1, high], at_least[2, high]]
    above = at_least.sum(axis=0)
    said = [len(grades) - above[low], above[low] - above[high], above[high]]
    f1 = sum(
        2 * hit / np.maximum(1, told + count)
        for hit, told, count in zip(hits, said, counts, strict=True)
    )
    f1 = np.where(high >= low, f1, -1.0)
    substitute, exact = np.unravel_index(int(np.argmax(f1)), f1.shape)
    return Thresholds(
        exact=round(float(cuts[exact]), 6), substitute=round(float(cuts[substitute]), 6)
    )


def _reaching(cuts: Scores, relevance: Scores) -> Grades:
    """How many lie at each of `cuts` or above."""
    reaching: Grades = len(relevance) - np.searchsorted(np.sort(relevance), cuts)
    return reaching


def _cuts(relevance: Scores) -> Scores:
    levels = np.unique(relevance)
    if len(levels) > _STEPS:
        levels = np.unique(np.quantile(levels, np.linspace(0, 1, _STEPS), method="nearest"))
    middles = (levels[1:] + levels[:-1]) / 2
    return np.concatenate([[levels[0]], middles]) if len(levels) else np.array([0.5])

"""Logistic regression on rising steps: the chance that something is so, never falling in a score.

    logit P(s) = a + Σ_j d_j · share of segment j that lies below s,    every d_j ≥ 0

The segments lie between given knots. A ridge on the rises d_j, in units of pairs, draws a segment
with little to say towards standing still, and all of them towards the overall share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]

_STEPS = 100
_LEAST_SHARE = 1e-3  # where all or none is so, a share of this is where the search begins
_HALVINGS = 30


@dataclass(frozen=True)
class Rising:
    """A fitted curve; `knots` (k,) ascending, `rises` (k-1,) all >= 0, in logits."""

    knots: Scores
    level: float
    rises: Scores

    def __call__(self, scores: Scores) -> Scores:
        """The chance at each score, (n,) in (0, 1); flat beyond the outer knots."""
        return _chance(self.level + _steps(scores, self.knots) @ self.rises)


def fit_rising(
    scores: Scores, happened: NDArray[np.bool_], weights: Scores, knots: Scores, ridges: Scores
) -> Rising:
    """The curve of greatest penalised likelihood; `ridges` (k-1,) > 0, one a segment.

    Projected Newton steps: convex, so that the end does not depend on the beginning.
    """
    steps = np.column_stack([np.ones(len(scores)), _steps(scores, knots)])
    # The level is all but free; a trace of ridge keeps it finite where all or none is so.
    penalty = np.concatenate([[_LEAST_SHARE], ridges])
    share = np.average(happened, weights=weights).clip(_LEAST_SHARE, 1.0 - _LEAST_SHARE)
    found = np.concatenate([[np.log(share / (1.0 - share))], np.full(len(knots) - 1, 0.1)])

    def cost(at: Scores) -> float:
        logits = steps @ at
        likelihood = weights @ (np.logaddexp(0.0, logits) - happened * logits)
        return float(likelihood + 0.5 * penalty @ at**2)

    best = cost(found)
    for _ in range(_STEPS):
        chance = _chance(steps @ found)
        slope = steps.T @ (weights * (chance - happened)) + penalty * found
        bend = steps.T @ (steps * (weights * chance * (1.0 - chance))[:, None]) + np.diag(penalty)
        free = (found > 0.0) | (slope < 0.0)
        free[0] = True
        towards = np.zeros(len(found))
        towards[free] = np.linalg.solve(bend[np.ix_(free, free)], -slope[free])
        for halving in range(_HALVINGS):
            tried = found + towards * 0.5**halving
            tried[1:] = np.maximum(tried[1:], 0.0)
            if (now := cost(tried)) < best:
                break
        else:
            break
        gained, found, best = best - now, tried, now
        if gained < 1e-9 * (1.0 + abs(best)):
            break
    return Rising(knots, float(found[0]), found[1:])


def _steps(scores: Scores, knots: Scores) -> Scores:
    return np.clip((scores[:, None] - knots[:-1]) / np.diff(knots), 0.0, 1.0)


def _chance(logits: Scores) -> Scores:
    chance: Scores = 1.0 / (1.0 + np.exp(-np.clip(logits, -500.0, 500.0)))
    return chance

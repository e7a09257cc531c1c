"""Fitting a link: scored pairs in, two rising piecewise-linear curves out.

A continuation-ratio model of one score: P(≥1) and P(=2 | ≥1) are rising logistic curves
(`index.calibrating.logistic`), and P(=2) is their product, so it rises too and never exceeds
P(≥1). The first curve sees judged and drawn pairs; the second those that a judge found relevant,
for a drawn product says nothing of what tells exact from substitute.

Every judged pair weighs 1; how much the drawn ones weigh is settled in `drawn_weight`. Where judged
pairs lie both curves are held towards the overall share: a few dozen queries judge no more than a
few dozen times, however many pairs they hold. Segments and ridges were chosen by cross-validation
over judged training queries of an encoder that had not seen them (docs/calibration.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade
from index.calibrating.logistic import Rising, fit_rising
from index.calibration import Link
from index.pair_measures import expected_calibration_error

Scores = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# All drawn pairs of a query together, in judged pairs of the mean query.
DRAWN_WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
RANDOM_RELEVANT = 0.055  # mean P(>=1) that products drawn at random should have, at most
JUDGED_COST = 0.015  # of calibration error on judged pairs, at most, for that
# Knots where products are drawn (quantiles of their scores), then where judged ones lie above.
DRAWN_KNOTS = (0.5, 0.8, 0.9, 0.95, 0.99)
DRAWN_RIDGE = 0.1
JUDGED_RIDGE = 3.0
EXACT_RIDGE = 30.0
_LEAST_SEGMENTS, _MOST_SEGMENTS, _QUERIES_A_SEGMENT = 2, 10, 10
_DECIMALS = 3
_RAMP = 0.005  # keeps the curves from standing still: a better score is never worth the same
_POINTS = 6  # of a link on each segment of a curve, whose logit is straight there


def fit_link(
    scores: Scores,
    grades: Ints,
    low: float,
    high: float,
    queries: Ints | None = None,
    assumed: Flags | None = None,
    drawn: float = DRAWN_WEIGHTS[0],
) -> Link:
    """The link of pairs (n,) on the score range [low, high].

    `queries` numbers the query of each pair (all of one query if None), `assumed` marks the drawn
    ones (none if None), of which those of a query weigh `drawn` together. At `high` the curves
    stand half-way between the last judged score and certainty, for a better score than any seen is
    worth more, but nobody has measured how much. Raises ValueError when there is no pair.
    """
    if not len(scores):
        raise ValueError("a link needs pairs")
    queries = np.zeros(len(scores), np.int64) if queries is None else queries
    assumed = np.zeros(len(scores), np.bool_) if assumed is None else assumed
    inside = np.clip(scores, low, high)
    weights = pair_weights(queries, assumed, drawn)
    segments = int(
        np.clip(len(np.unique(queries)) // _QUERIES_A_SEGMENT, _LEAST_SEGMENTS, _MOST_SEGMENTS)
    )
    found = grades >= Grade.SUBSTITUTE
    relevant = _fit(inside, found, weights, *_relevant_knots(inside, assumed, segments))
    exact = None
    if found.any():
        knots = _spread(inside[found], np.linspace(0.02, 0.98, segments + 1))
        ridges = np.full(len(knots) - 1, EXACT_RIDGE * segments / _LEAST_SEGMENTS)
        exact = _fit(inside[found], grades[found] == Grade.EXACT, weights[found], knots, ridges)
    return _through(relevant, exact, low, high)


def drawn_weight(
    scores: Scores, grades: Ints, low: float, high: float, queries: Ints, assumed: Flags
) -> float:
    """The least of `DRAWN_WEIGHTS` at which products drawn at random look as bad as they are.

    That is, at which their mean P(>=1) falls to `RANDOM_RELEVANT`; but where judged and drawn
    products have the same scores, one side pays for the other, and the weight stops growing when
    the calibration error of the judged pairs has grown by `JUDGED_COST`.
    """
    kept = DRAWN_WEIGHTS[0]
    if not assumed.any() or assumed.all():
        return kept
    gains, first = grades[~assumed] / int(Grade.EXACT), None
    for weight in DRAWN_WEIGHTS:
        link = fit_link(scores, grades, low, high, queries, assumed, weight)
        error = expected_calibration_error(link.relevance(scores[~assumed]), gains)
        first = error if first is None else first
        if error > first + JUDGED_COST:
            break
        kept = weight
        if link.probabilities(scores[assumed])[0].mean() <= RANDOM_RELEVANT:
            break
    return kept


def pair_weights(queries: Ints, assumed: Flags, drawn: float) -> Scores:
    """Weights of pairs (n,): 1 of each judged one, the drawn ones of a query alike.

    Together these weigh `drawn` times as much as the mean query has judged pairs.
    """
    _, number = np.unique(queries, return_inverse=True)
    weights = np.ones(len(number))
    judged = np.bincount(number[~assumed])
    mean = judged[judged > 0].mean() if judged.any() else 1.0
    counts = np.bincount(number[assumed], minlength=number.max() + 1)
    weights[assumed] = drawn * mean / counts[number[assumed]]
    return weights


def _fit(scores: Scores, happened: Flags, weights: Scores, knots: Scores, ridges: Scores) -> Rising:
    # Scores that differ in the fourth decimal alone are one: a hundred times fewer rows.
    rounded, place = np.unique(scores.round(_DECIMALS), return_inverse=True)
    of = [np.bincount(place, weights * so, len(rounded)) for so in (~happened, happened)]
    both, so = np.tile(rounded, 2), np.repeat([False, True], len(rounded))
    return fit_rising(both, so, np.concatenate(of), knots, ridges)


def _relevant_knots(scores: Scores, assumed: Flags, segments: int) -> tuple[Scores, Scores]:
    judged = scores[~assumed]
    if not assumed.any() or not len(judged):
        knots = _spread(scores, np.linspace(0.02, 0.98, segments + 1))
        return knots, np.full(len(knots) - 1, JUDGED_RIDGE)
    drawn = np.quantile(scores[assumed], DRAWN_KNOTS)
    above = judged[judged > drawn[-1]]
    upper = np.quantile(above, np.linspace(0.0, 0.99, segments + 1)[1:]) if len(above) else []
    knots = _apart(np.concatenate([drawn, upper]))
    return knots, np.where(knots[1:] <= drawn[-1], DRAWN_RIDGE, JUDGED_RIDGE)


def _spread(scores: Scores, quantiles: Scores) -> Scores:
    return _apart(np.quantile(scores, quantiles))


def _apart(knots: Scores) -> Scores:
    """Ascending knots no closer than a millionth, two or more."""
    kept = [float(knots[0])]
    for knot in np.sort(knots).tolist():
        if knot - kept[-1] > 1e-6:
            kept.append(knot)
    return np.array(kept if len(kept) > 1 else [kept[0] - 1e-3, kept[0] + 1e-3])


def _through(relevant: Rising, exact: Rising | None, low: float, high: float) -> Link:
    every = [relevant.knots] if exact is None else [relevant.knots, exact.knots]
    ends = np.unique(np.concatenate([np.clip(knots, low, high) for knots in every]))
    shares = np.linspace(0.0, 1.0, _POINTS, endpoint=False)
    inner = (ends[:-1, None] + np.diff(ends)[:, None] * shares).ravel()
    inner = np.unique(np.append(inner, ends[-1]))
    inner = inner[(inner > low + 1e-9) & (inner < high - 1e-9)]
    inner = inner[np.diff(inner, prepend=-np.inf) > 1e-9]
    knots = np.concatenate([[low], inner, [high]])
    substitute = relevant(knots[:-1])
    both = substitute * (exact(knots[:-1]) if exact is not None else 0.0)
    ramp = (knots - low) / (high - low)
    return Link(tuple(knots.tolist()), _curve(substitute, ramp), _curve(both, ramp))


def _curve(chances: Scores, ramp: Scores) -> tuple[float, ...]:
    top = (chances[-1] + 1.0) / 2
    curve = (1.0 - _RAMP) * np.append(chances, top) + _RAMP * ramp
    return tuple(np.maximum.accumulate(curve).tolist())

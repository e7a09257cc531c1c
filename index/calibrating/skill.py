"""Calibration by queries: skill with its interval, and what its error would be by chance alone.

Arrays in, numbers out; `query` numbers the queries of pairs, which are what is drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade
from index.pair_measures import expected_calibration_error

Scores = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Skill:
    """A Brier skill, 1 at best and 0 where it is no better than its reference, with its interval.

    All NaN where the grades leave nothing to forecast.
    """

    value: float
    low: float
    high: float


def skill_over_base_rate(
    at_least_1: Scores,
    exactly_2: Scores,
    grades: Ints,
    query: Ints,
    base: tuple[float, float] | None = None,
    seed: int = 0,
) -> Skill:
    """Brier skill of both cuts together over a constant, with its bootstrap interval over queries.

    `base` are the constant's P(>=1) and P(=2): the shares of the calibration pairs, say. None takes
    the shares of the very pairs measured, anew in every resample: a reference that knows them.
    """
    reached = np.column_stack([grades >= Grade.SUBSTITUTE, grades == Grade.EXACT]).astype(float)
    said = np.column_stack([at_least_1, exactly_2])
    _, number = np.unique(query, return_inverse=True)
    queries = int(number.max()) + 1 if len(number) else 0

    def by_query(values: Scores) -> Scores:
        return np.column_stack([np.bincount(number, column, queries) for column in values.T])

    ours = by_query((said - reached) ** 2).sum(axis=1)
    counts = np.bincount(number, minlength=queries).astype(float)
    shares = by_query(reached)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(queries, np.full(queries, 1 / max(1, queries)), RESAMPLES)
    drawn = np.concatenate([np.ones((1, queries), drawn.dtype), drawn]).astype(float)
    total = drawn @ counts
    found = drawn @ shares
    if base is None:
        reference = (found * (1.0 - found / total[:, None])).sum(axis=1)
    else:
        level = np.array(base)
        reference = (found * (1 - 2 * level) + total[:, None] * level**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        skills = np.where(reference > 0.0, 1.0 - drawn @ ours / reference, np.nan)
    tail = (1.0 - CONFIDENCE) / 2
    low, high = np.nanquantile(skills[1:], (tail, 1.0 - tail)) if queries else (np.nan, np.nan)
    return Skill(float(skills[0]), float(low), float(high))


@dataclass(frozen=True)
class CalibrationError:
    """ECE of relevance, beside two figures without which it says little.

    `noise_floor`: mean ECE of outcomes drawn from the forecasts themselves, `noise_high` its 95 %
    quantile; pairs are drawn independently, so that with few queries the true floor lies higher.
    `constant`: the ECE of always saying `base`, the gain that calibration pairs have on average.
    """

    ece: float
    noise_floor: float
    noise_high: float
    constant: float


def calibration_error(
    at_least_1: Scores,
    exactly_2: Scores,
    grades: Ints,
    base: tuple[float, float] | None = None,
    seed: int = 0,
    draws: int = 200,
) -> CalibrationError:
    """ECE of relevance against gain, its floor by simulation, and that of a constant.

    `base` are P(>=1) and P(=2) of the constant; None takes the shares of these pairs, whose ECE is
    what is left between bins of equal size.
    """
    relevance = (at_least_1 + exactly_2) / 2
    gains = grades / int(Grade.EXACT)
    rng = np.random.default_rng(seed)
    simulated = []
    for _ in range(draws):
        luck = rng.random(len(grades))
        outcome = ((luck < at_least_1).astype(float) + (luck < exactly_2)) / 2
        simulated.append(expected_calibration_error(relevance, outcome))
    constant = float(gains.mean()) if base is None else sum(base) / 2
    return CalibrationError(
        expected_calibration_error(relevance, gains),
        float(np.mean(simulated)),
        float(np.quantile(simulated, 0.95)),
        abs(float(gains.mean()) - constant),
    )

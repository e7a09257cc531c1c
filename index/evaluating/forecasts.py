"""What an index says of pairs of query and product, beside what judges say: parallel arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Forecasts:
    """One entry a pair, all (pairs,).

    `score` as the mode blends it; `at_least_1`, `exactly_2` and `relevance` in [0, 1] float64;
    `tier` and `grade` in {0, 1, 2}; `judged` False where nobody judged and the grade is assumed 0;
    `query` numbers the queries from 0.
    """

    score: Scores
    at_least_1: Scores
    exactly_2: Scores
    relevance: Scores
    tier: Ints
    grade: Ints
    judged: NDArray[np.bool_]
    query: Ints

    def __len__(self) -> int:
        return len(self.grade)

    @property
    def squared_error(self) -> Scores:
        """Of each pair, the mean of the squared errors of P(≥1) and P(=2), in [0, 1]."""
        lower = (self.at_least_1 - (self.grade >= 1)) ** 2
        upper = (self.exactly_2 - (self.grade == 2)) ** 2
        error: Scores = (lower + upper) / 2
        return error

    def mean_by_query(self, values: Scores, queries: int) -> Scores:
        """The mean of `values` (pairs,) for each of so many queries; NaN for one without pairs."""
        counts = np.bincount(self.query, minlength=queries)
        sums = np.bincount(self.query, weights=values, minlength=queries)
        means: Scores = np.divide(sums, counts, out=np.full(queries, np.nan), where=counts > 0)
        return means


def together(parts: Iterable[Forecasts]) -> Forecasts:
    """All of them in one, in order; at least one."""
    found = list(parts)
    names = [field.name for field in fields(Forecasts)]
    return Forecasts(*(np.concatenate([getattr(part, name) for part in found]) for name in names))

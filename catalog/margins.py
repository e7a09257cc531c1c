"""How far apart grades lie on a scale of scores: the two margins of arXiv:2602.17654."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade


def margins(
    scores: NDArray[np.floating], grades: NDArray[np.integer], query: NDArray[np.integer]
) -> tuple[float, float, int]:
    """Average and worst margin over queries with both exact and irrelevant pairs, and their number.

    Average: mean score of grade 2 less mean score of grade 0. Worst: lowest of grade 2 less
    highest of grade 0. Both are NaN where no query has both. The arrays are (pairs,); `query`
    numbers the queries.
    """
    averages, worsts = [], []
    for number in np.unique(query):
        of_query = query == number
        exact = scores[of_query & (grades == Grade.EXACT)]
        wrong = scores[of_query & (grades == Grade.IRRELEVANT)]
        if len(exact) and len(wrong):
            averages.append(exact.mean() - wrong.mean())
            worsts.append(exact.min() - wrong.max())
    if not averages:
        return float("nan"), float("nan"), 0
    return float(np.mean(averages)), float(np.mean(worsts)), len(averages)

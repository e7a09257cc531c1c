"""How much of the exact nearest a search finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.dense import DenseArm

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Recall:
    """Mean shares, over `queries` sampled queries, of the exact nearest rows that are found.

    At 10, at 20 and at the depth of the candidate set; in [0, 1].
    """

    queries: int
    at_10: float
    at_20: float
    at_candidates: float


def exact_scores(dense: DenseArm, queries: NDArray[np.float32], candidates: int) -> list[Scores]:
    """Scores of the nearest rows of each query by a look at every row, best first."""
    count = min(candidates, dense.products)
    return [dense.top(query, count, _no_ids(dense), exact=True)[1] for query in queries]


def recall_of(dense: DenseArm, queries: NDArray[np.float32], exact: list[Scores]) -> Recall:
    """Recall of plain searches against the exact scores of the same queries."""
    count = max(map(len, exact), default=0)
    found = [dense.top(query, count, _no_ids(dense))[1] for query in queries]
    return Recall(len(queries), *(share(exact, found, depth) for depth in (10, 20, count)))


def share(exact: list[Scores], found: list[Scores], depth: int) -> float:
    """Mean share of the `depth` best of `exact` that `found` reaches.

    By score, not by row: of products with equal vectors any one is as near as the others.
    """
    shares = [
        float((ours[:depth] >= best[:depth][-1]).sum()) / len(best[:depth])
        for best, ours in zip(exact, found, strict=True)
        if len(best)
    ]
    return float(np.mean(shares)) if shares else 1.0


def _no_ids(dense: DenseArm) -> NDArray[np.int64]:
    # The order of ids is of no account for recall; any fixed ranks do.
    return np.arange(dense.products)

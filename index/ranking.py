"""Best-first order with declared ties: by score descending, then by the rank of the product id."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index import loops

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


def id_ranks(ids: list[str]) -> NDArray[np.int64]:
    """Place of each row's id in sorted order, so that ties by id are ties by a small integer."""
    ranks = np.empty(len(ids), np.int64)
    ranks[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return ranks


def best(rows: Rows, scores: Scores, ranks: NDArray[np.int64], count: int) -> tuple[Rows, Scores]:
    """The `count` best of `rows` in order (-score, rank), with their scores.

    All rows that tie with the last place compete for it by rank: the cut does not depend on the
    order in which candidates came in.
    """
    return loops.best(rows, scores, ranks, count)

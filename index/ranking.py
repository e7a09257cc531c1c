"""Best-first order with declared ties: by score descending, then by the rank of the product id."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


def id_ranks(ids: list[str]) -> NDArray[np.int64]:
    """Place of each row's id in sorted order, so that ties by id are ties by a small integer."""
    ranks = np.empty(len(ids), np.int64)
    ranks[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return ranks


# One score in so many is looked at first. With half as many again and these to spare, what the
# sample proposes holds the wanted number but for one search in thousands, which then looks at all.
_SAMPLED = 16
_SPARE = 12


def likely_best(scores: NDArray[np.floating], count: int) -> Rows:
    """Places, ascending, of all scores that can be among the `count` largest, ties included.

    A sample says where to look for them, so that what is sorted afterwards is a few hundred scores
    and not all: a sixth of the work for tens of thousands.
    """
    place = count // _SAMPLED * 3 // 2 + _SPARE
    sample = scores[::_SAMPLED]
    if place < len(sample):
        above: Rows = (scores >= np.partition(sample, -place)[-place]).nonzero()[0]
        if len(above) >= count:
            return above
    return np.arange(len(scores))


def best(rows: Rows, scores: Scores, ranks: NDArray[np.int64], count: int) -> tuple[Rows, Scores]:
    """The `count` best of `rows` in order (-score, rank), with their scores.

    All rows that tie with the last place compete for it by rank: the cut does not depend on the
    order in which candidates came in.
    """
    if len(rows) > count:
        likely = likely_best(scores, count)
        rows, scores = rows.take(likely), scores.take(likely)
        limit = np.partition(scores, len(scores) - count)[len(scores) - count]
        kept = scores >= limit
        rows, scores = rows[kept], scores[kept]
    order = np.lexsort((ranks[rows], -scores))[:count]
    return rows[order], scores[order]

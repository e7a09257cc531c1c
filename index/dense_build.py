"""Building the graph, and raising its search breadth until it finds what an exact scan finds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import hnswlib
import numpy as np
from numpy.typing import NDArray

from index.dense import DenseIndex, DenseSettings, Vectors
from index.ranking import Scores

RECALL_FLOOR = 0.99
# Up to here one thread builds: slower, and the same bytes every time.
REPRODUCIBLE_ROWS = 100_000
_BATCH = 4096


@dataclass(frozen=True)
class DenseQuality:
    """Share of the exact nearest rows that the graph finds, means over the sampled queries.

    `recall_10` and `recall_20` at those depths, `recall_candidates` at the depth of the candidate
    set; all in [0, 1].
    """

    ef: int
    queries: int
    recall_10: float
    recall_20: float
    recall_candidates: float


def build_graph(
    vectors: Vectors, settings: DenseSettings, progress: Callable[[int], None] | None = None
) -> DenseIndex:
    """Insert the rows of `vectors` (n, dim) in order; an empty catalogue has no graph."""
    if not len(vectors):
        return DenseIndex(vectors, None, settings)
    graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
    graph.init_index(
        max_elements=len(vectors),
        M=settings.m,
        ef_construction=settings.ef_construction,
        random_seed=settings.seed,
    )
    threads = 1 if len(vectors) <= REPRODUCIBLE_ROWS else (os.cpu_count() or 1)
    for start in range(0, len(vectors), _BATCH):
        batch = vectors[start : start + _BATCH]
        graph.add_items(batch, np.arange(start, start + len(batch)), num_threads=threads)
        if progress is not None:
            progress(len(batch))
    return DenseIndex(vectors, graph, settings)


def settle_ef(
    dense: DenseIndex, queries: NDArray[np.float32], candidates: int
) -> tuple[DenseIndex, DenseQuality]:
    """Raise `ef` by quarters until recall at 10 and at 20 reach the floor, or every node is seen.

    `queries` (n, dim) are query vectors like those to come. hnswlib never searches narrower than
    the number asked for, so `ef` starts at the candidate depth at least.
    """
    count = min(candidates, dense.products)
    # The order of ids is of no account for recall; any fixed ranks do.
    ranks = np.arange(dense.products, dtype=np.int32)
    exact = [dense.top(query, count, ranks, exact=True)[1] for query in queries]
    ef = max(dense.settings.ef, candidates)
    while True:
        tried = dense.with_ef(ef)
        found = [tried.top(query, count, ranks)[1] for query in queries]
        shares = (_recall(exact, found, depth) for depth in (10, 20, count))
        quality = DenseQuality(ef, len(queries), *shares)
        if min(quality.recall_10, quality.recall_20) >= RECALL_FLOOR or ef >= dense.products:
            return tried, quality
        ef += ef // 4


def _recall(exact: list[Scores], found: list[Scores], depth: int) -> float:
    # By score, not by row: of products with equal vectors any one is as near as the others.
    shares = [
        float((ours[:depth] >= best[:depth][-1]).sum()) / len(best[:depth])
        for best, ours in zip(exact, found, strict=True)
        if len(best)
    ]
    return float(np.mean(shares)) if shares else 1.0

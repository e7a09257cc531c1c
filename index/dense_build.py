"""Choosing the way to candidates, and searching a graph as widely as its recall needs.

The choice is by size, with constants from `benchmarks/engine_plans.json`, and never by a clock: two
builds of one catalogue hold the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.dense import DenseIndex, DenseSettings, Plan
from index.graph import Graph, link
from index.ranking import Scores
from index.scan import MAX_DIM, ByteScan
from index.vectors import VectorTable

# Least mean recall of a graph: at 10 and at 20, and over all candidates, since a hit that the other
# arm lifts onto the first page may stand anywhere among them.
FIRST_FLOOR = 0.99
CANDIDATES_FLOOR = 0.95
# Codes of this size stay in the caches of a CPU, and to read them all takes no longer than a graph
# at the least breadth (0.3 ms at 200 candidates).
SCAN_BYTES = 1 << 24
# Beyond, looking at this many rows costs what one more node of breadth does.
ROWS_PER_EF = 100


@dataclass(frozen=True)
class DenseQuality:
    """How candidates are found and the share of the exact nearest rows among them.

    `recall_10` and `recall_20` at those depths, `recall_candidates` at the depth of the candidate
    set; means over the sampled queries, in [0, 1]. `ef` is None where no graph is searched.
    """

    plan: Plan
    ef: int | None
    queries: int
    recall_10: float
    recall_20: float
    recall_candidates: float


def arrange(
    vectors: VectorTable,
    queries: NDArray[np.float32],
    candidates: int,
    settings: DenseSettings,
    progress: Callable[[int], None] = lambda _rows: None,
) -> tuple[DenseIndex, DenseQuality]:
    """The index of `vectors`, n ≥ 1 rows, by the plan of `settings` or else the faster one.

    `queries` (m, dim) are query vectors like those to come; `candidates` is the depth of searches.
    `progress` hears how many rows are done.
    """
    rows, dim = len(vectors), vectors.dim
    free = settings.plan is None and dim <= MAX_DIM
    if settings.plan == "scan" or (free and rows * dim <= SCAN_BYTES):
        progress(rows)
        return _scanned(vectors, queries, candidates, settings)
    graph = link(vectors, settings.m, settings.ef_construction, settings.seed, progress)
    dense, quality = _settled(vectors, graph, queries, candidates, settings)
    if free and rows <= ROWS_PER_EF * dense.settings.ef:
        return _scanned(vectors, queries, candidates, settings)
    return dense, quality


def _scanned(
    vectors: VectorTable, queries: NDArray[np.float32], candidates: int, settings: DenseSettings
) -> tuple[DenseIndex, DenseQuality]:
    dense = DenseIndex(vectors, ByteScan(vectors), replace(settings, plan="scan"))
    return dense, _measured(dense, queries, _exact(dense, queries, candidates), None)


def _settled(
    vectors: VectorTable,
    graph: Graph,
    queries: NDArray[np.float32],
    candidates: int,
    settings: DenseSettings,
) -> tuple[DenseIndex, DenseQuality]:
    """Raise `ef` by quarters until recall reaches every floor, or every node is seen.

    hnswlib never searches narrower than the number asked for, so `ef` starts at the candidate
    depth at least.
    """
    exact = _exact(DenseIndex(vectors, None, settings), queries, candidates)
    ef = max(settings.ef, candidates)
    while True:
        chosen = replace(settings, ef=ef, plan="graph")
        dense = DenseIndex(vectors, graph.searched(ef), chosen)
        quality = _measured(dense, queries, exact, ef)
        first = min(quality.recall_10, quality.recall_20)
        enough = first >= FIRST_FLOOR and quality.recall_candidates >= CANDIDATES_FLOOR
        if enough or ef >= len(vectors):
            return dense, quality
        ef += ef // 4


def _exact(dense: DenseIndex, queries: NDArray[np.float32], candidates: int) -> list[Scores]:
    count = min(candidates, dense.products)
    return [dense.top(query, count, _no_ids(dense), exact=True)[1] for query in queries]


def _measured(
    dense: DenseIndex, queries: NDArray[np.float32], exact: list[Scores], ef: int | None
) -> DenseQuality:
    count = max(map(len, exact), default=0)
    found = [dense.top(query, count, _no_ids(dense))[1] for query in queries]
    shares = (_recall(exact, found, depth) for depth in (10, 20, count))
    return DenseQuality("scan" if ef is None else "graph", ef, len(queries), *shares)


def _no_ids(dense: DenseIndex) -> NDArray[np.int64]:
    # The order of ids is of no account for recall; any fixed ranks do.
    return np.arange(dense.products)


def _recall(exact: list[Scores], found: list[Scores], depth: int) -> float:
    # By score, not by row: of products with equal vectors any one is as near as the others.
    shares = [
        float((ours[:depth] >= best[:depth][-1]).sum()) / len(best[:depth])
        for best, ours in zip(exact, found, strict=True)
        if len(best)
    ]
    return float(np.mean(shares)) if shares else 1.0

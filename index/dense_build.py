"""Choosing the way to candidates when an index is built.

The choice of the plan is by size, with constants from `benchmarks/engine_plans.json`, and never by
a clock: two builds of one catalogue hold the same bytes, unless a tuning job was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.dense import DenseArm, DenseIndex, DenseSettings, Plan, pair_scores
from index.graph import link
from index.graph_tuning import Trial, tune
from index.recall import Recall, exact_scores, recall_of
from index.settling import RECALL_TARGET, settle_graph, settle_scan
from index.vectors import VectorKind, VectorTable

# To read nibbles of this size takes no longer than a graph does at 200 candidates.
SCAN_BYTES = 12 << 20
# Beyond, looking at this many rows costs what one more node of breadth does.
ROWS_PER_EF = 300
_STORED_DEPTH = 20


@dataclass(frozen=True)
class Target:
    """The least mean recall of a graph at 10 and at 20; `grid` lets a tuning job seek its links."""

    recall: float = RECALL_TARGET
    grid: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class DenseQuality:
    """How candidates are found and the share of the exact nearest rows among them.

    `recall_10` and `recall_20` at those depths, `recall_candidates` at the depth of the candidate
    set; means over the sampled queries, in [0, 1]. `ef` is None where no graph is searched, and
    `overfetch` where no scan is.
    `target` is the recall asked for and `trials` what a tuning job saw.
    """

    plan: Plan
    ef: int | None
    overfetch: float | None
    queries: int
    recall_10: float
    recall_20: float
    recall_candidates: float
    target: float = RECALL_TARGET
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class StoredQuality:
    """What the kind of storage costs beside the encoder's own vectors.

    `bytes` of all vectors; `largest_error` of a cosine; `overlap_20` the mean share of the nearest
    20 that stay the nearest 20.
    """

    kind: VectorKind
    bytes: int
    largest_error: float
    overlap_20: float


def arrange(
    vectors: VectorTable,
    queries: NDArray[np.float32],
    candidates: int,
    settings: DenseSettings,
    progress: Callable[[int], None] = lambda _rows: None,
    target: Target | None = None,
) -> tuple[DenseIndex, DenseQuality]:
    """The index of `vectors`, n ≥ 1 rows, by the plan of `settings` or else the faster one.

    `queries` (m, dim) are query vectors like those to come; `candidates` is the depth of searches.
    `progress` hears how many rows are done.
    """
    target = target or Target()
    rows, dim = len(vectors), vectors.dim
    free = settings.plan is None
    trials: tuple[Trial, ...] = ()
    if settings.plan == "scan" or (free and rows * dim // 2 <= SCAN_BYTES):
        progress(rows)
        return _scanned(vectors, queries, candidates, settings, target)
    if target.grid:
        settings, trials = tune(vectors, queries, candidates, settings, target.recall, target.grid)
    graph = link(vectors, settings.m, settings.ef_construction, settings.seed, progress)
    dense, recall, _ = settle_graph(vectors, graph, queries, candidates, settings, target.recall)
    if free and rows <= ROWS_PER_EF * dense.settings.ef:
        return _scanned(vectors, queries, candidates, settings, target)
    return dense, _quality(dense.settings, recall, target, trials)


def measured(
    dense: DenseArm, queries: NDArray[np.float32], candidates: int, target: Target | None = None
) -> DenseQuality:
    """The quality of an arm that stands already, such as shards searched as one."""
    recall = recall_of(dense, queries, exact_scores(dense, queries, candidates))
    return _quality(dense.settings, recall, target or Target(), ())


def stored_quality(
    vectors: NDArray[np.float32], table: VectorTable, queries: NDArray[np.float32]
) -> StoredQuality:
    """How far `table` strays from the `vectors` (n, dim) it was made of."""
    if table.kind == "fp32":
        return StoredQuality(table.kind, table.bytes, 0.0, 1.0)
    worst, shares = 0.0, []
    count = min(_STORED_DEPTH, len(vectors))
    for query in queries:
        exact = pair_scores(vectors, query)
        kept = np.concatenate([pair_scores(block, query) for _, block in table.blocks()])
        worst = max(worst, float(np.abs(exact - kept).max()))
        near = np.argpartition(-kept, count - 1)[:count]
        shares.append(float((exact[near] >= np.sort(exact)[-count]).mean()))
    return StoredQuality(table.kind, table.bytes, worst, float(np.mean(shares)) if shares else 1.0)


def _scanned(
    vectors: VectorTable,
    queries: NDArray[np.float32],
    candidates: int,
    settings: DenseSettings,
    target: Target,
) -> tuple[DenseIndex, DenseQuality]:
    dense, recall, _ = settle_scan(vectors, queries, candidates, settings, target.recall)
    return dense, _quality(dense.settings, recall, target, ())


def _quality(
    settings: DenseSettings, recall: Recall, target: Target, trials: tuple[Trial, ...]
) -> DenseQuality:
    plan: Plan = settings.plan or "graph"
    return DenseQuality(
        plan,
        settings.ef if plan == "graph" else None,
        settings.overfetch if plan == "scan" else None,
        recall.queries,
        recall.at_10,
        recall.at_20,
        recall.at_candidates,
        target.recall,
        trials,
    )

"""The links and breadths of a graph, by trial: recall against exact search first, then speed.

`tune` builds the graphs of a small grid and keeps the settings that, settled (`index.settling`),
search quickest. A clock decides between graphs that all reach the target: pass the settings found
to a later build for the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from index.dense import DenseIndex, DenseSettings
from index.graph import link
from index.settling import RECALL_TARGET, settle_graph
from index.vectors import VectorTable

GRID = ((16, 100), (16, 200), (32, 200), (48, 200))  # links a node, breadth of building
SAMPLE = 50_000  # rows of a trial, drawn at random where there are more
# A graph must be this much quicker than the settings given, or these stay.
WORTH = 0.9
_ROUNDS = 3


@dataclass(frozen=True)
class Trial:
    """One point of the grid: what it took to reach the target, and what that costs.

    `microseconds` is the median of one search; `seconds` the build of `rows` on one thread.
    """

    m: int
    ef_construction: int
    ef: int
    rows: int
    recall_20: float
    recall_candidates: float
    reached: bool
    microseconds: float
    seconds: float


def tune(
    vectors: VectorTable,
    queries: NDArray[np.float32],
    candidates: int,
    settings: DenseSettings,
    target: float = RECALL_TARGET,
    grid: Sequence[tuple[int, int]] = GRID,
    clock: Callable[[], float] = perf_counter,
) -> tuple[DenseSettings, tuple[Trial, ...]]:
    """`settings` with the links and breadth of building of the quickest graph of the grid.

    Graphs are built of `SAMPLE` rows at most. The given settings are tried too and win near ties.
    """
    rows = np.arange(len(vectors))
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(settings.seed).permutation(rows)[:SAMPLE])
    sample = VectorTable(vectors.take(rows))
    given = (settings.m, settings.ef_construction)
    points = dict.fromkeys((given, *grid))
    found: dict[tuple[int, int], Trial] = {}
    for m, ef_construction in points:
        start = clock()
        graph = link(sample, m, ef_construction, settings.seed)
        seconds = clock() - start
        tried = replace(settings, m=m, ef_construction=ef_construction)
        dense, recall, reached = settle_graph(sample, graph, queries, candidates, tried, target)
        found[m, ef_construction] = Trial(
            m,
            ef_construction,
            dense.settings.ef,
            len(rows),
            recall.at_20,
            recall.at_candidates,
            reached,
            round(_median_microseconds(dense, queries, candidates, clock), 1),
            round(seconds, 2),
        )
    m, ef_construction = best_point(found, given)
    return replace(settings, m=m, ef_construction=ef_construction), tuple(found.values())


def best_point(found: dict[tuple[int, int], Trial], given: tuple[int, int]) -> tuple[int, int]:
    """The quickest point that reached the target; `given` unless another is clearly quicker."""
    reached = {point: trial for point, trial in found.items() if trial.reached}
    if not reached:
        return max(found, key=lambda point: found[point].recall_20)
    quickest = min(reached, key=lambda point: reached[point].microseconds)
    if given in reached:
        worth = WORTH * reached[given].microseconds
        return quickest if reached[quickest].microseconds < worth else given
    return quickest


def _median_microseconds(
    dense: DenseIndex,
    queries: NDArray[np.float32],
    candidates: int,
    clock: Callable[[], float],
) -> float:
    ranks = np.arange(dense.products)
    times = []
    for _ in range(_ROUNDS):
        for query in queries:
            start = clock()
            dense.top(query, candidates, ranks)
            times.append(clock() - start)
    return float(np.median(times)) * 1e6 if times else 0.0

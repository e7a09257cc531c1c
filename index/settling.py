"""How many rows a plan must look at: raised until recall against exact search suffices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from index.dense import DenseIndex, DenseSettings
from index.graph import Graph
from index.recall import Recall, exact_scores, recall_of
from index.scan import NibbleScan
from index.vectors import VectorTable

Queries = NDArray[np.float32]

RECALL_TARGET = 0.99
# Mean recall of a graph over all candidates: a hit that the other arm lifts onto the first page
# may stand anywhere among them. At 10 and 20 the target itself counts.
CANDIDATES_FLOOR = 0.95
# A scan comes by more of them for a few microseconds.
SCANNED_FLOOR = 0.995
_WIDER = 1.25


def settle_graph(
    vectors: VectorTable,
    graph: Graph,
    queries: Queries,
    candidates: int,
    settings: DenseSettings,
    target: float = RECALL_TARGET,
) -> tuple[DenseIndex, Recall, bool]:
    """Raise `ef` by quarters until recall reaches the target, or every node is seen.

    hnswlib never searches narrower than the number asked for, so `ef` starts at the candidate
    depth at least. Returns whether the target was reached as the third.
    """
    chosen = replace(settings, ef=max(settings.ef, candidates), plan="graph")

    def wider() -> Iterator[DenseIndex]:
        ef = chosen.ef
        while True:
            yield DenseIndex(vectors, graph.searched(ef), replace(chosen, ef=ef))
            if ef >= len(vectors):
                return
            ef += ef // 4

    floor = min(CANDIDATES_FLOOR, target)
    return _first_enough(wider(), queries, candidates, target, floor)


def settle_scan(
    vectors: VectorTable,
    queries: Queries,
    candidates: int,
    settings: DenseSettings,
    target: float = RECALL_TARGET,
) -> tuple[DenseIndex, Recall, bool]:
    """Raise `overfetch` by quarters likewise, until every row is looked at."""
    chosen = replace(settings, plan="scan")
    scan = NibbleScan(vectors, chosen.overfetch)

    def wider() -> Iterator[DenseIndex]:
        for power in count():
            overfetch = chosen.overfetch * _WIDER**power
            found = replace(chosen, overfetch=overfetch)
            yield DenseIndex(vectors, scan.proposing(overfetch), found)
            if overfetch * candidates >= len(vectors):
                return

    floor = max(SCANNED_FLOOR, target)
    return _first_enough(wider(), queries, candidates, target, floor)


def _first_enough(
    tries: Iterator[DenseIndex], queries: Queries, candidates: int, target: float, floor: float
) -> tuple[DenseIndex, Recall, bool]:
    exact = None
    for dense in tries:
        exact = exact or exact_scores(dense, queries, candidates)
        recall = recall_of(dense, queries, exact)
        first = min(recall.at_10, recall.at_20)
        enough = first >= target and recall.at_candidates >= floor
        if enough:
            break
    return dense, recall, enough

"""Pairs of queries that ask for the same thing, told by the products that answer both exactly.

Long-tail queries gain from them as positive pairs of a contrastive loss (arXiv:2505.01946).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from catalog.errors import TrainingError
from catalog.model import Grade


@dataclass(frozen=True)
class QueryPair:
    """Two queries in the order of the judgments, the number of exact products they share, and
    that number over the exact products of either: Jaccard similarity in (0, 1].
    """

    first: str
    second: str
    shared: int
    similarity: float


def query_pairs(
    graded: Mapping[str, Mapping[int, int]], threshold: float = 0.5, least_shared: int = 2
) -> list[QueryPair]:
    """Pairs whose products of grade 2 overlap by `threshold` at least, most alike first.

    One product in common says little, however few there are: `least_shared` must be. Threshold and
    number are ours. Hand in the judgments as people gave them: a misspelt variant shares all
    products with its query and would crowd out the others.

    Raises:
        TrainingError: `threshold` is outside (0, 1], or `least_shared` below 1.

    """
    if not 0 < threshold <= 1 or least_shared < 1:
        raise TrainingError(
            "pairs of queries need something in common",
            expected="a threshold above 0, at most 1, and 1 shared product or more",
            found=f"threshold {threshold}, {least_shared} shared",
        )
    exact = {
        query: {row for row, grade in grades.items() if grade == Grade.EXACT}
        for query, grades in graded.items()
    }
    found = []
    for (first, second), shared in _shared(exact).items():
        similarity = shared / (len(exact[first]) + len(exact[second]) - shared)
        if shared >= least_shared and similarity >= threshold:
            found.append(QueryPair(first, second, shared, similarity))
    return sorted(found, key=lambda pair: (-pair.similarity, -pair.shared, pair.first, pair.second))


def _shared(exact: Mapping[str, set[int]]) -> Counter[tuple[str, str]]:
    """How many products each pair of queries shares; only pairs that share one are looked at."""
    asked: dict[int, list[str]] = {}
    for query, rows in exact.items():
        for row in rows:
            asked.setdefault(row, []).append(query)
    return Counter(pair for queries in asked.values() for pair in combinations(queries, 2))

"""The pairs that a calibration is fitted on, scored by both arms.

Every judged pair, and for every query a uniform draw of products that nobody judged, taken as
grade 0: fitted on judged pairs alone, which are all plausible, a calibration calls most random
products substitutes. How much they weigh beside the judged ones is settled in `index.link_fit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade
from catalog.split import query_hash
from index.engine import Engine
from index.request import SearchRequest
from index.retrieval import semantic_scores

ASSUMED_PER_QUERY = 50

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Parallel arrays, one entry a pair; `query` numbers the queries, `assumed` marks the drawn.

    `semantic` in [-1, 1], `lexical` in [0, 1], both float64; `grade` in {0, 1, 2}; `wishes` is how
    much the query asks for (`index.words.wishes`).
    """

    semantic: Scores
    lexical: Scores
    grade: NDArray[np.int64]
    query: NDArray[np.int64]
    assumed: NDArray[np.bool_]
    wishes: NDArray[np.int64]

    def of(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Those pairs alone."""
        return Pairs(*(getattr(self, column.name)[chosen] for column in fields(self)))


def collect_pairs(engine: Engine, qrels: Mapping[str, Mapping[str, int]]) -> Pairs:
    """Score the judged pairs of `qrels` (products unknown to the index left out) and the draws."""
    parts = [
        _of_query(engine, number, query, grades)
        for number, (query, grades) in enumerate(qrels.items())
    ]
    return Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _of_query(
    engine: Engine, number: int, query: str, grades: Mapping[str, int]
) -> tuple[NDArray[np.generic], ...]:
    store = engine.bundle.store
    judged = {row: grades[name] for name in grades if (row := store.row(name)) is not None}
    drawn = draw_unjudged(query, len(store), set(judged))
    rows = np.array([*judged, *drawn], np.int64)
    prepared = engine.prepare(SearchRequest(query))
    vector = engine.encode(prepared)
    grade = np.array([*judged.values(), *([Grade.IRRELEVANT] * len(drawn))], np.int64)
    return (
        semantic_scores(engine.bundle, prepared.terms, vector, rows),
        engine.bundle.lexical.score(prepared.terms, rows),
        grade,
        np.full(len(rows), number),
        np.arange(len(rows)) >= len(judged),
        np.full(len(rows), engine.bundle.wishes_in(prepared.terms, prepared.text)),
    )


def draw_unjudged(
    query: str, products: int, judged: set[int], count: int = ASSUMED_PER_QUERY
) -> list[int]:
    """Up to `count` rows drawn uniformly from those not in `judged`; the query seeds the draw."""
    rng = np.random.default_rng(int(query_hash(query), 16))
    order = rng.permutation(products) if products < 4 * (count + len(judged)) else None
    if order is None:
        # Far more rows than wanted: distinct random ones are cheaper than a permutation.
        order = np.unique(rng.integers(products, size=4 * (count + len(judged))))
        order = rng.permutation(order)
    return [row for row in order.tolist() if row not in judged][:count]

"""How much of a query's wording its judged products repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.engine import Engine
from index.evaluating.asking import Qrels
from index.request import SearchRequest

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Overlap:
    """Of a query's judged products, in their order, (products,) float64 in [0, 1].

    `title`: share of the query's words that the title holds; `lexical`: the lexical score, 0 where
    no field holds any of them.
    """

    title: Scores
    lexical: Scores


def overlaps_of(engine: Engine, qrels: Qrels) -> dict[str, Overlap]:
    """The overlap of every query of `qrels`, all of whose products the index holds."""
    return {query: _overlap(engine, query, grades) for query, grades in qrels.items()}


def _overlap(engine: Engine, query: str, grades: Mapping[str, int]) -> Overlap:
    store = engine.bundle.store
    rows = [row for name in grades if (row := store.row(name)) is not None]
    analyser = engine.bundle.lexical.analyser
    wanted = {term for term, _ in analyser.query_terms(query).counts}
    held = [
        len(wanted.intersection(analyser.product_terms(product.title)[0])) / max(1, len(wanted))
        for product in store.products(rows)
    ]
    prepared = engine.prepare(SearchRequest(query, mode="lexical"))
    lexical = engine.bundle.lexical.score(prepared.terms, np.array(rows, np.int64))
    return Overlap(np.array(held, np.float64), lexical)

"""A lexical teacher for queries without judgments: what BM25 would show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.model import Product
from training.bm25 import Bm25


@dataclass(frozen=True)
class Taught:
    """A query, products BM25 finds for it, and how often each is drawn (sums to 1)."""

    query: str
    products: NDArray[np.int64]
    share: NDArray[np.float64]


def teach(products: Sequence[Product], queries: Sequence[str], depth: int) -> list[Taught]:
    """The BM25 top `depth` of each query that shares a word with the catalogue.

    A product's share falls by e with every two points of BM25 below the best: near-ties are drawn
    alike, distant ones hardly ever.
    """
    bm25 = Bm25(products)
    taught = []
    for query, terms in zip(queries, bm25.terms(queries), strict=True):
        scores = bm25.scores(terms)
        if scores is None:
            continue
        best = np.argsort(-scores, kind="stable")[:depth]
        best = best[scores[best] > 0]
        if len(best):
            weight = np.exp((scores[best] - scores[best[0]]) / 2.0).astype(np.float64)
            taught.append(Taught(query, best.astype(np.int64), weight / weight.sum()))
    return taught

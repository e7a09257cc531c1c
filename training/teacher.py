"""A lexical teacher for queries without judgments: what BM25 would show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.model import Product
from catalog.text import normalise


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
    import bm25s
    import Stemmer

    stem = Stemmer.Stemmer("english")
    texts = [
        normalise(" ".join((p.title, p.title, p.brand, *p.attributes.values(), p.description)))
        for p in products
    ]
    words = bm25s.tokenize(texts, stemmer=stem, stopwords="en", show_progress=False)
    if not any(words.ids):
        return []
    retriever = bm25s.BM25(k1=1.2, b=0.75)
    retriever.index(words, show_progress=False)
    asked = bm25s.tokenize(
        list(queries), stemmer=stem, stopwords="en", return_ids=False, show_progress=False
    )
    taught = []
    for query, tokens in zip(queries, asked, strict=True):
        if not tokens:
            continue
        scores = retriever.get_scores(tokens)
        best = np.argsort(-scores, kind="stable")[:depth]
        best = best[scores[best] > 0]
        if len(best):
            weight = np.exp((scores[best] - scores[best[0]]) / 2.0).astype(np.float64)
            taught.append(Taught(query, best.astype(np.int64), weight / weight.sum()))
    return taught

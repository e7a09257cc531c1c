"""BM25 over a corpus, the teacher of what equal words are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.model import Product
from catalog.text import normalise

Scores = NDArray[np.float32]


class Bm25:
    """Lucene's BM25 (k1 1.2, b 0.75, English stems and stop words) with the title counted twice."""

    def __init__(self, products: Sequence[Product]) -> None:
        import bm25s
        import Stemmer

        self._tokenize, self._stem = bm25s.tokenize, Stemmer.Stemmer("english")
        texts = [
            normalise(" ".join((p.title, p.title, p.brand, *p.attributes.values(), p.description)))
            for p in products
        ]
        words = self._tokenize(texts, stemmer=self._stem, stopwords="en", show_progress=False)
        self.products = len(products)
        self._index = bm25s.BM25(k1=1.2, b=0.75) if any(words.ids) else None
        if self._index is not None:
            self._index.index(words, show_progress=False)
            frequency = np.diff(self._index.scores["indptr"])
            idf = np.log1p((self.products - frequency + 0.5) / (frequency + 0.5))
            self._idf = {
                word: float(idf[number])
                for word, number in self._index.vocab_dict.items()
                if number < len(idf)
            }
            self._unseen = float(np.log1p((self.products + 0.5) / 0.5))

    def terms(self, queries: Sequence[str]) -> list[list[str]]:
        """The stems of each query."""
        stems: list[list[str]] = self._tokenize(
            list(queries),
            stemmer=self._stem,
            stopwords="en",
            return_ids=False,
            show_progress=False,
        )
        return stems

    def scores(self, terms: Sequence[str]) -> Scores | None:
        """Score of every product, (products,) ≥ 0; None when no term is known."""
        if self._index is None or not any(term in self._idf for term in terms):
            return None
        scores: Scores = self._index.get_scores(list(terms))
        return scores

    def share(self, terms: Sequence[str]) -> Scores:
        """The scores over the bound they reach as term frequency grows, (products,) in [0, 1]."""
        scores = self.scores(terms)
        if scores is None:
            return np.zeros(self.products, np.float32)
        bound = sum(self._idf.get(term, self._unseen) for term in terms)
        return np.minimum(scores / np.float32(bound), np.float32(1.0))

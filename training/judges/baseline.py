"""What a judge has to beat: the commonest grade, and a logistic regression on lexical features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from catalog.model import Grade, Product
from catalog.text import normalise

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEATURES = (
    "BM25",
    "BM25 over the query's best in the catalogue",
    "share of the query's terms in the product",
    "share of the query's terms in the title",
    "all terms in the title",
    "share of the title's terms in the query",
    "brand in the query",
    "terms of the query",
)


def majority(train: Ints, count: int) -> Ints:
    """The commonest training grade, (count,); of equally common ones the higher."""
    commonest = max(Grade, key=lambda grade: (int((train == grade.value).sum()), grade.value))
    return np.full(count, commonest.value, np.int64)


class LexicalFeatures:
    """Word statistics of query and product; the BM25 index is over all `products`."""

    def __init__(self, products: Sequence[Product]) -> None:
        import bm25s
        import Stemmer

        self._stem = Stemmer.Stemmer("english")
        self._titles = [frozenset(self._terms(p.title)) for p in products]
        self._brands = [normalise(p.brand) for p in products]
        texts = [
            self._terms(" ".join((p.title, p.brand, *p.attributes.values(), p.description)))
            for p in products
        ]
        self._words = [frozenset(words) for words in texts]
        self._index = bm25s.BM25(k1=1.2, b=0.75) if any(texts) else None
        if self._index is not None:
            self._index.index(texts, show_progress=False)

    def of(self, pairs: Sequence[tuple[str, int]]) -> Floats:
        """(n, len(FEATURES)) float64, columns as in `FEATURES`."""
        scores: dict[str, Floats] = {}
        rows = []
        for query, product in pairs:
            if query not in scores:
                scores[query] = self._bm25(query)
            rows.append(self._row(query, product, scores[query]))
        return np.array(rows, np.float64).reshape(-1, len(FEATURES))

    def _row(self, query: str, product: int, scores: Floats) -> list[float]:
        terms = set(self._terms(query))
        title, words = self._titles[product], self._words[product]
        brand, best = self._brands[product], float(scores.max(initial=0.0))
        size = max(1, len(terms))
        return [
            float(scores[product]),
            float(scores[product]) / best if best else 0.0,
            len(terms & words) / size,
            len(terms & title) / size,
            float(bool(terms) and terms <= title),
            len(terms & title) / max(1, len(title)),
            float(bool(brand) and f" {brand} " in f" {normalise(query)} "),
            float(len(terms)),
        ]

    def _bm25(self, query: str) -> Floats:
        terms = self._terms(query)
        if not terms or self._index is None:
            return np.zeros(len(self._titles))
        return np.asarray(self._index.get_scores(terms), np.float64)

    def _terms(self, text: str) -> list[str]:
        letters = "".join(c if c.isalnum() else " " for c in normalise(text))
        stems: list[str] = self._stem.stemWords(letters.split())
        return stems


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression on standardised features."""

    mean: Floats
    scale: Floats
    weights: Floats  # (features + 1, 3), the last row is the bias

    @classmethod
    def fit(cls, features: Floats, grades: Ints, penalty: float = 1.0) -> Logistic:
        """Least cross-entropy plus ½·penalty·|weights|² over all pairs; the bias is free."""
        mean, scale = features.mean(0), features.std(0)
        scale = np.where(scale > 0, scale, 1.0)
        inputs = torch.from_numpy(_with_bias((features - mean) / scale))
        labels = torch.from_numpy(grades)
        weights = torch.zeros(inputs.shape[1], len(Grade), dtype=torch.float64, requires_grad=True)
        search = torch.optim.LBFGS([weights], max_iter=500, line_search_fn="strong_wolfe")

        def loss() -> float:
            search.zero_grad()
            value = torch.nn.functional.cross_entropy(inputs @ weights, labels, reduction="sum")
            value = value + 0.5 * penalty * (weights[:-1] ** 2).sum()
            value.backward()
            return float(value.detach())

        search.step(loss)
        return cls(mean, scale, weights.detach().numpy())

    def grade(self, features: Floats) -> Ints:
        """The likeliest grade of each row, (n,) int64."""
        scores = _with_bias((features - self.mean) / self.scale) @ self.weights
        return scores.argmax(axis=1).astype(np.int64)


def _with_bias(features: Floats) -> Floats:
    return np.hstack([features, np.ones((len(features), 1))])

"""The lexical arm: BM25F over weighted fields, from postings with precomputed saturation.

    tf~(t, d)  = Σ_f w_f · tf_f / (1 - b_f + b_f · len_f / avglen_f)
    sat(t, d)  = tf~ / (k1 + tf~)                                   in (0, 1)
    lexical    = Σ_t qtf·idf·(k1+1)·sat  ÷  Σ_t qtf·idf·(k1+1)      in [0, 1]

A term that is not wanted counts as one in what products lack, and half of what it would have been
worth is taken off where it is there, down to 0 (`index.words.unwanted`).

The divisor is the bound reached as term frequency grows, so the score means the same for every
query and whatever the field weights. Unknown terms stay in the divisor with the idf of document
frequency 0: a query half understood scores at most about half. (BM25F: Robertson, Zaragoza,
Taylor, CIKM 2004; the division is ours.)
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from index.lexical_statistics import Statistics
from index.loops import Sums
from index.subset import Subset
from index.words.analyser import Analyser
from index.words.terms import QueryTerms
from index.words.unwanted import MARK, PENALTY

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]
Posting = tuple[NDArray[np.int32], NDArray[np.float32]]  # rows ascending, saturation of each

_NO_ROWS = np.empty(0, np.int64)


class LexicalArm(ABC):
    """Scores from the postings of a query's terms, wherever these come from."""

    def __init__(self, products: int) -> None:
        self.products = products
        self._scratch = threading.local()

    @property
    @abstractmethod
    def statistics(self) -> Statistics:
        """What scores take from the whole catalogue."""

    @property
    def analyser(self) -> Analyser:
        """How this index reads texts."""
        return self.statistics.analyser

    @abstractmethod
    def known(self, terms: QueryTerms) -> int:
        """How many wanted terms of the query are in the vocabulary, frozen in the bundle."""

    def knows_unwanted(self, terms: QueryTerms) -> bool:
        """Whether the catalogue has a product with each term that the query does not want."""
        return all(self.document_frequency(term) for term, _ in terms.unwanted)

    @abstractmethod
    def document_frequency(self, term: str) -> int:
        """Number of products of the whole catalogue that held `term` when it was indexed."""

    @abstractmethod
    def idf(self, term: str) -> float:
        """Weight of one occurrence of `term` in a query; the largest there is for unknown ones."""

    @abstractmethod
    def posting(self, term: str) -> Posting | None:
        """Rows that hold `term`, ascending, and its saturation in each; None for none."""

    def weights(self, terms: QueryTerms) -> tuple[list[tuple[Posting, float]], float]:
        """Posting and weight of each term that has one, in their order; the weight of all terms.

        What is not wanted comes last, weighs less than 0, and is no part of that sum.
        """
        # The factor k1+1 stands above and below the line and is left out of both sums.
        known: list[tuple[Posting, float]] = []
        total = 0.0
        lacking = [(MARK + term, count) for term, count in terms.unwanted]
        for term, count in (*terms.counts, *lacking):
            weight = count * self.idf(term)
            total += weight
            posting = self.posting(term)
            if posting is not None:
                known.append((posting, weight))
        for term, count in terms.unwanted:
            posting = self.posting(term)
            if posting is not None:
                known.append((posting, -PENALTY * count * self.idf(term)))
        return known, total

    def score(self, terms: QueryTerms, rows: Rows) -> Scores:
        """Lexical score of each of `rows`, (len(rows),) float64 in [0, 1]."""
        known, total = self.weights(terms)
        sums = np.zeros(len(rows))
        for (postings, saturation), weight in known:
            at = np.minimum(np.searchsorted(postings, rows), len(postings) - 1)
            found = postings[at] == rows
            sums[found] += weight * saturation[at[found]].astype(np.float64)
        return _share(sums, total)

    def top(
        self,
        terms: QueryTerms,
        count: int,
        ranks: NDArray[np.int64],
        also: Rows | None = None,
        *,
        among: Subset | None = None,
    ) -> tuple[Rows, Scores, Scores]:
        """The `count` best rows and their scores, equal scores in order of `ranks[row]`.

        The third array are the scores of the rows `also`, read on the way; `among` leaves out all
        other rows. Every sum has the same terms in the same order as in `score`, so both give one
        pair the same float.
        """
        also = _NO_ROWS if also is None else also
        known, total = self.weights(terms)
        if not known:
            return _NO_ROWS, np.empty(0), np.zeros(len(also))
        # One a thread. Whoever has it leaves it at 0 and gives it back; an error loses it.
        sums = self._scratch.__dict__.pop("sums", None) or Sums(self.products)
        for (postings, saturation), weight in known:
            sums.add(postings, saturation, weight)
        beside = sums.shares(also, total)
        passing = None if among is None else among.mask.view(np.uint8)
        rows, scores = sums.best(total, ranks, count, passing)
        self._scratch.sums = sums
        return rows, scores, beside


def _share(sums: Scores, total: float) -> Scores:
    # Above 1 is only ever the last bit that float32 saturation may add.
    return np.clip(sums / total, 0.0, 1.0) if total > 0.0 else sums

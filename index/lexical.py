"""The lexical arm: BM25F over weighted fields, read from postings with precomputed saturation.

    tf~(t, d)  = Σ_f w_f · tf_f / (1 - b_f + b_f · len_f / avglen_f)
    sat(t, d)  = tf~ / (k1 + tf~)                                   in (0, 1)
    lexical    = Σ_t qtf·idf·(k1+1)·sat  ÷  Σ_t qtf·idf·(k1+1)      in [0, 1]

The divisor is the bound reached as term frequency grows, so the score means the same for every
query and whatever the field weights. Unknown terms stay in the divisor with the idf of document
frequency 0: a query half understood scores at most about half. (BM25F: Robertson, Zaragoza,
Taylor, CIKM 2004; the division is ours.)
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from index.analysis import QueryTerms
from index.ranking import best

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]

_NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True)
class FieldSettings:
    """Weight of a field and how strongly its length counts (`b` in [0, 1])."""

    weight: float
    b: float


@dataclass(frozen=True)
class LexicalSettings:
    """BM25F parameters. Field order is the order of summation.

    The defaults are round numbers from the plateau of a sweep on human judgments (Shopping Queries
    data set, 50 training queries: nDCG@10 0.757, where plain BM25 with k1 1.2, b 0.75 and the title
    twice gives 0.739).
    """

    k1: float = 2.0
    fields: dict[str, FieldSettings] = field(
        default_factory=lambda: {
            "title": FieldSettings(6.0, 0.75),
            "brand": FieldSettings(4.0, 0.5),
            "category": FieldSettings(2.0, 0.5),
            "attributes": FieldSettings(2.0, 0.5),
            "description": FieldSettings(1.0, 0.6),
        }
    )


class LexicalIndex:
    """Postings of every term, mapped into memory. Immutable; safe to share between threads."""

    def __init__(
        self,
        vocabulary: list[str],
        starts: NDArray[np.int64],
        rows: NDArray[np.int32],
        saturation: NDArray[np.float32],
        products: int,
    ) -> None:
        """`rows[starts[t]:starts[t+1]]` are the products of term t, ascending, no row twice."""
        self.products = products
        self._term = {term: number for number, term in enumerate(vocabulary)}
        self._starts, self._rows, self._saturation = starts.tolist(), rows, saturation
        self._idf: list[float] = idf(np.diff(starts), products).tolist()
        self._unseen = float(idf(np.zeros(1, np.int64), products)[0])
        self._scratch = threading.local()

    def knows(self, terms: QueryTerms) -> bool:
        """Whether any term of the query occurs in the catalogue."""
        return any(term in self._term for term, _ in terms.counts)

    def document_frequency(self, term: str) -> int:
        """Number of products that hold `term`."""
        number = self._term.get(term)
        return 0 if number is None else self._starts[number + 1] - self._starts[number]

    def score(self, terms: QueryTerms, rows: Rows) -> Scores:
        """Lexical score of each of `rows`, (len(rows),) float64 in [0, 1]."""
        known, total = self._weights(terms)
        sums = np.zeros(len(rows))
        for number, weight in known:
            postings, saturation = self._postings(number)
            at = np.minimum(np.searchsorted(postings, rows), len(postings) - 1)
            found = postings[at] == rows
            sums[found] += weight * saturation[at[found]].astype(np.float64)
        return _share(sums, total)

    def top(
        self,
        terms: QueryTerms,
        count: int,
        ranks: NDArray[np.int32],
        also: Rows | None = None,
    ) -> tuple[Rows, Scores, Scores]:
        """The `count` best rows and their scores, equal scores in order of `ranks[row]`.

        The third array are the scores of the rows `also`, read on the way. Every sum has the same
        terms in the same order as in `score`, so both give one pair the same float.
        """
        also = _NO_ROWS if also is None else also
        known, total = self._weights(terms)
        if not known:
            return _NO_ROWS, np.empty(0), np.zeros(len(also))
        found = [self._postings(number) for number, _ in known]
        rows = np.concatenate([postings for postings, _ in found], dtype=np.int64)
        parts = np.concatenate(
            [
                np.multiply(saturation, weight, dtype=np.float64)
                for (_, saturation), (_, weight) in zip(found, known, strict=True)
            ]
        )
        sums, last = self._accumulators()
        np.add.at(sums, rows, parts)  # one by one, in the order of the terms
        beside = _share(sums.take(also), total)
        # A row stands in `rows` once for each of its terms: its last place counts.
        places = np.arange(len(rows), dtype=np.int32)
        last[rows] = places
        once = rows[last.take(rows) == places]
        scores = _share(sums.take(once), total)
        sums[once] = 0.0
        return *best(once, scores, ranks, count), beside

    def _weights(self, terms: QueryTerms) -> tuple[list[tuple[int, float]], float]:
        # The factor k1+1 stands above and below the line and is left out of both sums.
        known, total = [], 0.0
        for term, count in terms.counts:
            number = self._term.get(term)
            weight = count * (self._unseen if number is None else self._idf[number])
            total += weight
            if number is not None:
                known.append((number, weight))
        return known, total

    def _postings(self, number: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        span = slice(self._starts[number], self._starts[number + 1])
        return self._rows[span], self._saturation[span]

    def _accumulators(self) -> tuple[Scores, NDArray[np.int32]]:
        # Two arrays a thread: sums, which `top` leaves at 0 as it found them, and places, of which
        # it reads what it has just written.
        arrays: tuple[Scores, NDArray[np.int32]] | None = getattr(self._scratch, "arrays", None)
        if arrays is None:
            arrays = np.zeros(self.products), np.empty(self.products, np.int32)
            self._scratch.arrays = arrays
        return arrays

    @classmethod
    def load(cls, directory: Path) -> LexicalIndex:
        """Map what `index.lexical_build` wrote. Raises BundleError when it cannot be read."""
        try:
            about = json.loads((directory / "lexical.json").read_text())
            vocabulary = json.loads((directory / "vocabulary.json").read_text())
            starts, rows, saturation = (
                np.asarray(np.load(directory / f"{name}.npy", mmap_mode="r"))
                for name in ("starts", "rows", "saturation")
            )
            if len(starts) != len(vocabulary) + 1 or starts[-1] != len(rows):
                raise ValueError("the sizes of its files disagree")
            return cls(vocabulary, starts, rows, saturation, int(about["products"]))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise BundleError(
                f"the lexical index cannot be read: {error}",
                where=directory,
                hint="Build the index again.",
            ) from error


def idf(document_frequency: NDArray[np.int64], products: int) -> Scores:
    """Lucene's idf, ln(1 + (N - df + ½)/(df + ½)); above 0 for every df in [0, N]."""
    return np.log1p((products - document_frequency + 0.5) / (document_frequency + 0.5))


def _share(sums: Scores, total: float) -> Scores:
    # The clip only ever removes the last bit that float32 saturation may add.
    return np.minimum(sums / total, 1.0) if total > 0.0 else sums


def settings_json(settings: LexicalSettings) -> dict[str, object]:
    """The settings as JSON values."""
    return asdict(settings)

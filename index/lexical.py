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
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from index.ranking import best
from index.subset import Subset
from index.words.analyser import Analyser
from index.words.terms import QueryTerms

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]
Posting = tuple[NDArray[np.int32], NDArray[np.float32]]  # rows ascending, saturation of each

ANALYSIS_FILE = "analysis.json"
_NO_ROWS = np.empty(0, np.int64)
_ARRAYS = ("starts", "rows", "saturation")


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


@dataclass(frozen=True, eq=False)
class Statistics:
    """What scores take from the whole catalogue, frozen when an index is built.

    A shard has those of all shards, live updates those of the index beneath them: one pair, one
    score. `products` is N, `frequency` (terms,) int64 the number of products that hold each term of
    the vocabulary, `mean_lengths` the mean words of each field where it is filled, `analyser` reads
    texts as they were read then.
    """

    products: int
    frequency: NDArray[np.int64]
    mean_lengths: Mapping[str, float]
    settings: LexicalSettings
    analyser: Analyser


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
    def knows(self, terms: QueryTerms) -> bool:
        """Whether any term of the query is in the vocabulary, which is frozen in the bundle."""

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
        """Posting and weight of each term that has one, in their order; the weight of all terms."""
        # The factor k1+1 stands above and below the line and is left out of both sums.
        known: list[tuple[Posting, float]] = []
        total = 0.0
        for term, count in terms.counts:
            weight = count * self.idf(term)
            total += weight
            posting = self.posting(term)
            if posting is not None:
                known.append((posting, weight))
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
        rows = np.concatenate([postings for (postings, _), _ in known], dtype=np.int64)
        parts = np.concatenate(
            [np.multiply(saturation, weight, dtype=np.float64) for (_, saturation), weight in known]
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
        if among is not None:
            kept = among.mask.take(once)
            once, scores = once[kept], scores[kept]
        return *best(once, scores, ranks, count), beside

    def _accumulators(self) -> tuple[Scores, NDArray[np.int32]]:
        # Two arrays a thread: sums, which `top` leaves at 0 as it found them, and places, of which
        # it reads what it has just written.
        arrays: tuple[Scores, NDArray[np.int32]] | None = getattr(self._scratch, "arrays", None)
        if arrays is None:
            arrays = np.zeros(self.products), np.empty(self.products, np.int32)
            self._scratch.arrays = arrays
        return arrays


class LexicalIndex(LexicalArm):
    """Postings of every term, mapped into memory. Immutable; safe to share between threads."""

    def __init__(
        self,
        vocabulary: list[str],
        starts: NDArray[np.int64],
        rows: NDArray[np.int32],
        saturation: NDArray[np.float32],
        products: int,
        statistics: Statistics,
    ) -> None:
        """`rows[starts[t]:starts[t+1]]` are the products of term t, ascending, no row twice."""
        super().__init__(products)
        self._statistics = statistics
        self._term = {term: number for number, term in enumerate(vocabulary)}
        self._starts, self._rows, self._saturation = starts.tolist(), rows, saturation
        every = statistics.products
        self._idf: list[float] = idf(statistics.frequency, every).tolist()
        self._unseen = float(idf(np.zeros(1, np.int64), every)[0])

    @property
    def statistics(self) -> Statistics:
        """What scores take from the whole catalogue."""
        return self._statistics

    def knows(self, terms: QueryTerms) -> bool:
        """Whether any term of the query occurs in the catalogue."""
        return any(term in self._term for term, _ in terms.counts)

    def document_frequency(self, term: str) -> int:
        """Number of products of the whole catalogue that hold `term`."""
        number = self._term.get(term)
        return 0 if number is None else int(self.statistics.frequency[number])

    def idf(self, term: str) -> float:
        """Weight of one occurrence of `term` in a query; the largest there is for unknown ones."""
        number = self._term.get(term)
        return self._unseen if number is None else self._idf[number]

    def posting(self, term: str) -> Posting | None:
        """Rows that hold `term`, ascending, and its saturation in each; None for none."""
        number = self._term.get(term)
        if number is None:
            return None
        span = slice(self._starts[number], self._starts[number + 1])
        return (self._rows[span], self._saturation[span]) if span.start < span.stop else None

    def postings(self) -> Iterator[tuple[str, Posting]]:
        """Every term with its posting."""
        for term in self._term:
            posting = self.posting(term)
            if posting is not None:
                yield term, posting

    def restricted(self, rows: Rows) -> LexicalIndex:
        """The index of `rows` alone, ascending, numbered from 0; the statistics stay."""
        place = np.full(self.products, -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        local = place[self._rows]
        kept = local >= 0
        before = np.concatenate(([0], np.cumsum(kept)))
        starts = before[np.asarray(self._starts)].astype(np.int64)
        return LexicalIndex(
            list(self._term),
            starts,
            local[kept],
            self._saturation[kept],
            len(rows),
            self.statistics,
        )

    def save(self, directory: Path) -> None:
        """Write the index into `directory` as npy and JSON."""
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / "starts.npy", np.array(self._starts, np.int64))
        np.save(directory / "rows.npy", self._rows)
        np.save(directory / "saturation.npy", self._saturation)
        if self.products != self.statistics.products:  # a part: its own counts will not do
            np.save(directory / "frequency.npy", self.statistics.frequency)
        vocabulary = json.dumps(list(self._term), ensure_ascii=False)
        (directory / "vocabulary.json").write_text(vocabulary)
        about = {
            "products": self.products,
            "catalogue_products": self.statistics.products,
            "mean_lengths": dict(self.statistics.mean_lengths),
            "settings": settings_json(self.statistics.settings),
        }
        (directory / "lexical.json").write_text(json.dumps(about, indent=2) + "\n")
        reading = json.dumps(self.analyser.record(), ensure_ascii=False)
        (directory / ANALYSIS_FILE).write_text(reading + "\n")

    @classmethod
    def load(cls, directory: Path) -> LexicalIndex:
        """Map what `index.lexical_build` wrote. Raises BundleError when it cannot be read."""
        try:
            about = json.loads((directory / "lexical.json").read_text())
            vocabulary = json.loads((directory / "vocabulary.json").read_text())
            products = int(about["products"])
            every = int(about.get("catalogue_products", products))
            starts, rows, saturation = (_array(directory, name) for name in _ARRAYS)
            frequency = np.diff(starts) if every == products else _array(directory, "frequency")
            terms = len(vocabulary)
            if len(starts) != terms + 1 or starts[-1] != len(rows) or len(frequency) != terms:
                raise ValueError("the sizes of its files disagree")
            settings = settings_from_json(about["settings"])
            analyser = Analyser.from_record(json.loads((directory / ANALYSIS_FILE).read_text()))
            means = about["mean_lengths"]
            statistics = Statistics(every, frequency, means, settings, analyser)
            return cls(vocabulary, starts, rows, saturation, products, statistics)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise BundleError(
                f"the lexical index cannot be read: {error}",
                where=directory,
                hint="Build the index again.",
            ) from error


def idf(document_frequency: NDArray[np.int64], products: int) -> Scores:
    """Lucene's idf, ln(1 + (N - df + ½)/(df + ½)); above 0 for every df in [0, N]."""
    return np.log1p((products - document_frequency + 0.5) / (document_frequency + 0.5))


def _array(directory: Path, name: str) -> NDArray[Any]:
    return np.asarray(np.load(directory / f"{name}.npy", mmap_mode="r"))


def _share(sums: Scores, total: float) -> Scores:
    # The clip only ever removes the last bit that float32 saturation may add.
    return np.minimum(sums / total, 1.0) if total > 0.0 else sums


def settings_json(settings: LexicalSettings) -> dict[str, object]:
    """The settings as JSON values."""
    return asdict(settings)


def settings_from_json(body: dict[str, Any]) -> LexicalSettings:
    """The settings from their JSON values. Raises KeyError or TypeError."""
    fields = {name: FieldSettings(**part) for name, part in body["fields"].items()}
    return LexicalSettings(**{**body, "fields": fields})

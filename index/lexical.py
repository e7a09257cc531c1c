"""The postings of one directory: the lexical arm (`index.lexical_arm`) on disk."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from index.lexical_arm import LexicalArm, Posting, Rows, Scores
from index.lexical_statistics import (
    FieldSettings,
    LexicalSettings,
    Statistics,
    settings_from_json,
    settings_json,
)
from index.words.analyser import Analyser
from index.words.terms import QueryTerms

__all__ = [
    "FieldSettings",
    "LexicalArm",
    "LexicalIndex",
    "LexicalSettings",
    "Posting",
    "Statistics",
    "idf",
    "settings_json",
]

ANALYSIS_FILE = "analysis.json"
_ARRAYS = ("starts", "rows", "saturation")


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

    def known(self, terms: QueryTerms) -> int:
        """How many wanted terms of the query occur in the catalogue."""
        return sum(term in self._term for term, _ in terms.counts)

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

    @property
    def vocabulary(self) -> Collection[str]:
        """Every term, in the order of `statistics.frequency`."""
        return self._term.keys()

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
            if rows.dtype != np.int32 or saturation.dtype != np.float32:
                raise ValueError("its numbers are of other types")
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

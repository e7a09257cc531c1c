"""Filling the lexical arm: products in, BM25F postings out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.model import Product
from index.lexical import LexicalIndex, LexicalSettings, Statistics
from index.words.analyser import Analyser
from index.words.corpus import Corpus, Numbers
from index.words.unwanted import MARK, REACH

_NO_NUMBERS = np.empty(0, np.int64)


class LexicalBuilder:
    """Collects the words of the products, then turns them into postings in one go.

    Field lengths count words that are not stop words; stop words are indexed all the same, for
    queries that hold nothing else. A compound counts as the one word it is written as.
    """

    def __init__(
        self,
        settings: LexicalSettings | None = None,
        mean_lengths: Mapping[str, float] | None = None,
        analyser: Analyser | None = None,
        learn: Callable[[Corpus], Analyser] | None = None,
    ) -> None:
        """With `mean_lengths` of the fields these count, not the means of what is added.

        `learn` makes the analyser that the index keeps from all words added; without it that is
        `analyser`, English unless given, which cuts texts into words in any case.
        """
        self.settings = settings or LexicalSettings()
        self.corpus = Corpus(self.settings.fields, analyser or Analyser())
        self._reading = analyser or Analyser()
        self._learn = learn
        self._mean_lengths = mean_lengths

    def add(self, product: Product) -> None:
        """Count the words of the next product; rows follow the order of calls."""
        self.corpus.add(field_texts(product))

    def build(self) -> LexicalIndex:
        """The index of all products added so far."""
        analyser = self._reading if self._learn is None else self._learn(self.corpus)
        reading = _Reading(self.corpus, analyser)
        fields = {name: _Field(self.corpus, reading, name) for name in self.settings.fields}
        means = self._mean_lengths or {name: field.mean_length() for name, field in fields.items()}
        vocabulary, starts, rows, saturation = self._postings(reading, fields, means)
        products = self.corpus.products
        statistics = Statistics(products, np.diff(starts), means, self.settings, analyser)
        return LexicalIndex(vocabulary, starts, rows, saturation, products, statistics)

    def save(self, directory: Path) -> None:
        """Write the index into `directory` as npy and JSON; `LexicalIndex.load` reads it."""
        self.build().save(directory)

    def _postings(
        self, reading: _Reading, fields: Mapping[str, _Field], means: Mapping[str, float]
    ) -> tuple[list[str], NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        """Terms in order, where the postings of each start, rows, saturation in each row."""
        products = max(1, self.corpus.products)
        used = np.unique(np.concatenate([field.keys // products for field in fields.values()]))
        vocabulary = sorted(reading.terms[number] for number in used.tolist())
        place = np.empty(len(reading.terms), np.int64)
        place[[reading.number[term] for term in vocabulary]] = np.arange(len(vocabulary))
        parts = []
        for name, field in fields.items():
            part = self.settings.fields[name]
            rows = field.keys % products
            length = field.lengths[rows] / means[name]
            weight = part.weight * field.frequencies / (1.0 - part.b + part.b * length)
            parts.append((place[field.keys // products] * products + rows, weight))
        keys = np.concatenate([key for key, _ in parts])
        weights = np.concatenate([weight for _, weight in parts])
        # A stable sort keeps the fields of a pair in their declared order of summation.
        order = np.argsort(keys, kind="stable")
        keys, weights = keys[order], weights[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        frequency = np.add.reduceat(weights, first) if len(keys) else weights
        keys = keys[first]
        starts = np.searchsorted(keys // products, np.arange(len(vocabulary) + 1)).astype(np.int64)
        saturation = (frequency / (self.settings.k1 + frequency)).astype(np.float32)
        return vocabulary, starts, (keys % products).astype(np.int32), saturation


class _Reading:
    """The words of a corpus as terms: those of word w are `flat[starts[w]:starts[w + 1]]`."""

    def __init__(self, corpus: Corpus, analyser: Analyser) -> None:
        self.analyser = analyser
        self.number: dict[str, int] = {}
        flat: list[int] = []
        counts, content = [], []
        for word in corpus.words:
            terms = analyser.terms_of(word)
            flat += [self.number.setdefault(term, len(self.number)) for term, _ in terms]
            counts.append(len(terms))
            content.append(not all(stop for _, stop in terms))
        openers = analyser.sought
        for opener in sorted(openers):
            for term in sorted(openers[opener]):
                self.number.setdefault(term, len(self.number))
        self.terms = list(self.number)
        self.flat, self.counts = np.array(flat, np.int64), np.array(counts, np.int64)
        self.content = np.array(content, np.int64)
        self.before, self.behind = (
            np.array([word in told for word in corpus.words], bool)
            for told in (analyser.negation.before, analyser.negation.behind)
        )
        self.starts = np.cumsum(self.counts) - self.counts
        self.opens = np.zeros(len(self.terms), bool)
        self.opens[[self.number[term] for term in openers if term in self.number]] = True

    def expand(self, rows: Numbers, ids: Numbers) -> tuple[Numbers, Numbers]:
        """Words in order to terms in order, with the row of each."""
        times = self.counts[ids]
        before = np.repeat(np.cumsum(times) - times, times)
        at = np.repeat(self.starts[ids], times) + np.arange(times.sum()) - before
        return np.repeat(rows, times), self.flat[at]

    def lacking(self, rows: Numbers, ids: Numbers) -> tuple[Numbers, Numbers]:
        """The terms of what a text says it lacks, once an occurrence, with the row of each."""
        said = np.zeros(len(ids), bool)
        for steps in range(1, REACH + 1):
            said[steps:] |= self.before[ids[:-steps]] & (rows[steps:] == rows[:-steps])
        said[:-1] |= self.behind[ids[1:]] & (rows[1:] == rows[:-1])
        said &= (self.content[ids] > 0) & ~self.before[ids] & ~self.behind[ids]
        found_rows, terms = self.expand(rows[said], ids[said])
        known, place = np.unique(terms, return_inverse=True)
        numbers = [self._numbered(MARK + self.terms[term]) for term in known.tolist()]
        return found_rows, np.array(numbers, np.int64)[place]

    def _numbered(self, term: str) -> int:
        number = self.number.setdefault(term, len(self.number))
        if number == len(self.terms):
            self.terms.append(term)
        return number

    def groups(self, rows: Numbers, terms: Numbers) -> tuple[Numbers, Numbers]:
        """The terms of synonym groups in sequences of terms, with the row of each."""
        found_rows, found = [], []
        touched = np.unique(rows[self.opens[terms]])
        spans = zip(
            touched.tolist(),
            np.searchsorted(rows, touched).tolist(),
            np.searchsorted(rows, touched, side="right").tolist(),
            strict=True,
        )
        for row, start, stop in spans:
            names = [self.terms[number] for number in terms[start:stop].tolist()]
            for name in self.analyser.group_terms(names):
                found_rows.append(row)
                found.append(self.number[name])
        return np.array(found_rows, np.int64), np.array(found, np.int64)


class _Field:
    """One field: term · products + row of each pair, ascending; its frequency; all lengths."""

    def __init__(self, corpus: Corpus, reading: _Reading, name: str) -> None:
        size = max(1, corpus.products)
        keys, frequencies = [_NO_NUMBERS], [_NO_NUMBERS]
        self.lengths = np.zeros(corpus.products)
        for rows, ids in corpus.chunks(name):
            self.lengths += np.bincount(rows, reading.content[ids], corpus.products)
            lacking_rows, lacking = reading.lacking(rows, ids)
            rows, terms = reading.expand(rows, ids)
            more_rows, more = reading.groups(rows, terms)
            every = np.concatenate(
                [terms * size + rows, more * size + more_rows, lacking * size + lacking_rows]
            )
            key, times = np.unique(every, return_counts=True)
            keys.append(key)
            frequencies.append(times)
        self.keys, self.frequencies = np.concatenate(keys), np.concatenate(frequencies)

    def mean_length(self) -> float:
        """Mean over the products that have the field at all (an absent field is no short one)."""
        filled = self.lengths[self.lengths > 0]
        return float(filled.mean()) if len(filled) else 1.0


def field_texts(product: Product) -> dict[str, str]:
    """The text of each lexical field. Attributes count by value: their names are the shop's."""
    return {
        "title": product.title,
        "brand": product.brand,
        "category": " ".join(product.category),
        "attributes": " ".join(product.attributes.values()),
        "description": product.description,
    }

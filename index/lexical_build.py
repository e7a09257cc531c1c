"""Filling the lexical arm: products in, BM25F postings out."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.model import Product
from index.analysis import STOP_WORDS, stem, words
from index.lexical import FieldSettings, LexicalIndex, LexicalSettings, Statistics


class LexicalBuilder:
    """Collects term frequencies field by field, then turns them into postings in one go.

    Field lengths count words that are not stop words; stop words are indexed all the same, for
    queries that hold nothing else.
    """

    def __init__(
        self,
        settings: LexicalSettings | None = None,
        mean_lengths: Mapping[str, float] | None = None,
    ) -> None:
        """With `mean_lengths` of the fields these count, not the means of what is added."""
        self.settings = settings or LexicalSettings()
        self._mean_lengths = mean_lengths
        self._number: dict[str, int] = {}
        self._of_word: dict[str, tuple[int, bool]] = {}
        self._fields = {name: _Field() for name in self.settings.fields}
        self._products = 0

    def add(self, product: Product) -> None:
        """Count the words of the next product; rows follow the order of calls."""
        texts = field_texts(product)
        for name, field in self._fields.items():
            counts: Counter[int] = Counter()
            length = 0
            for word in words(texts[name]):
                number, content = self._term(word)
                counts[number] += 1
                length += content
            field.lengths.append(length)
            field.rows.extend([self._products] * len(counts))
            field.terms.extend(counts.keys())
            field.frequencies.extend(counts.values())
        self._products += 1

    def build(self) -> LexicalIndex:
        """The index of all products added so far."""
        vocabulary, starts, rows, saturation = self.arrays()
        statistics = Statistics(self._products, np.diff(starts), self.mean_lengths(), self.settings)
        return LexicalIndex(vocabulary, starts, rows, saturation, self._products, statistics)

    def save(self, directory: Path) -> None:
        """Write the index into `directory` as npy and JSON; `LexicalIndex.load` reads it."""
        self.build().save(directory)

    def mean_lengths(self) -> dict[str, float]:
        """Mean words of each field, over the products that have it at all."""
        given = self._mean_lengths
        return {
            name: field.mean_length() if given is None else given[name]
            for name, field in self._fields.items()
        }

    def _term(self, word: str) -> tuple[int, bool]:
        known = self._of_word.get(word)
        if known is None:
            number = self._number.setdefault(stem(word), len(self._number))
            known = self._of_word[word] = (number, word not in STOP_WORDS)
        return known

    def arrays(
        self,
    ) -> tuple[list[str], NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        """Terms in order, where the postings of each start, rows, saturation in each row."""
        means = self.mean_lengths()
        vocabulary = sorted(self._number)
        place = np.empty(len(vocabulary), np.int64)
        place[[self._number[term] for term in vocabulary]] = np.arange(len(vocabulary))
        parts = [
            field.key_and_weight(place, self._products, self.settings.fields[name], means[name])
            for name, field in self._fields.items()
        ]
        keys = np.concatenate([key for key, _ in parts])
        weights = np.concatenate([weight for _, weight in parts])
        # A stable sort keeps the fields of a pair in their declared order of summation.
        order = np.argsort(keys, kind="stable")
        keys, weights = keys[order], weights[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        frequency = np.add.reduceat(weights, first) if len(keys) else weights
        keys = keys[first]
        terms, rows = keys // max(1, self._products), keys % max(1, self._products)
        starts = np.searchsorted(terms, np.arange(len(vocabulary) + 1)).astype(np.int64)
        saturation = (frequency / (self.settings.k1 + frequency)).astype(np.float32)
        return vocabulary, starts, rows.astype(np.int32), saturation


class _Field:
    """Term frequencies of one field, as parallel columns."""

    def __init__(self) -> None:
        self.rows, self.terms, self.frequencies = array("i"), array("i"), array("i")
        self.lengths = array("i")

    def mean_length(self) -> float:
        """Mean over the products that have the field at all (an absent field is no short one)."""
        filled = [length for length in self.lengths if length]
        return sum(filled) / len(filled) if filled else 1.0

    def key_and_weight(
        self, place: NDArray[np.int64], products: int, settings: FieldSettings, mean: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        rows = np.asarray(self.rows, np.int64)
        lengths = np.asarray(self.lengths, np.float64)[rows] / mean
        tf = np.asarray(self.frequencies, np.float64)
        weight = settings.weight * tf / (1.0 - settings.b + settings.b * lengths)
        return place[np.asarray(self.terms, np.int64)] * products + rows, weight


def field_texts(product: Product) -> dict[str, str]:
    """The text of each lexical field. Attributes count by value: their names are the shop's."""
    return {
        "title": product.title,
        "brand": product.brand,
        "category": " ".join(product.category),
        "attributes": " ".join(product.attributes.values()),
        "description": product.description,
    }

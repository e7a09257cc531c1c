"""All words of a catalogue in order, held while an index is built.

Numbers, not texts: four bytes a word, so that what is learnt from the whole catalogue (compounds,
spelling) can be learnt before the words become terms.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from catalog.text import normalise
from index.words.analyser import Analyser
from index.words.compounds import LEAST_JOINED, candidates, shows

Numbers = NDArray[np.int64]

_HYPHENATED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")
_CHUNK = 1 << 16  # products looked at together


class Corpus:
    """The words of each field of each product, as numbers of `words`, in order."""

    def __init__(self, fields: Iterable[str], analyser: Analyser) -> None:
        """`analyser` cuts the texts into words; its compounds and synonyms do not matter here."""
        self.words: list[str] = []
        self.products = 0
        self._analyser = analyser
        self._number: dict[str, int] = {}
        self._ids = {name: array("i") for name in fields}
        self._lengths = {name: array("i") for name in self._ids}
        self._hyphens: Counter[tuple[str, str]] = Counter()

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields."""
        return tuple(self._ids)

    def add(self, texts: Mapping[str, str]) -> None:
        """Take in the fields of the next product."""
        number = self._number
        hyphenated: set[tuple[str, str]] = set()
        for name, ids in self._ids.items():
            text = texts[name]
            words = self._analyser.words(text, singles=True) if text else []
            ids.extend([number.setdefault(word, len(number)) for word in words])
            self._lengths[name].append(len(words))
            if "-" in text:
                chains = " ".join(token for token in text.split() if "-" in token)
                for chain in _HYPHENATED.findall(normalise(chains)):
                    hyphenated.update(pairwise(chain.split("-")))
        self._hyphens.update(hyphenated)
        self.products += 1
        if len(number) > len(self.words):
            self.words.extend(list(number)[len(self.words) :])

    def chunks(self, name: str) -> Iterator[tuple[Numbers, Numbers]]:
        """(product of each word, number of each word) of a field, some products at a time."""
        ids = np.frombuffer(self._ids[name], np.int32) if self._ids[name] else np.empty(0, np.int32)
        lengths = np.asarray(self._lengths[name], np.int64)
        ends = np.cumsum(lengths)
        for start in range(0, self.products, _CHUNK):
            stop = min(start + _CHUNK, self.products)
            first = int(ends[start - 1]) if start else 0
            rows = np.repeat(np.arange(start, stop), lengths[start:stop])
            yield rows, ids[first : int(ends[stop - 1])].astype(np.int64)

    def only_hyphenated(self) -> dict[str, int]:
        """Joined spellings that the catalogue only writes with a hyphen: their product counts."""
        found: dict[str, int] = {}
        for (first, rest), count in sorted(self._hyphens.items()):
            if first + rest not in self._number and shows(0, 0, count, 1):
                found[first + rest] = max(count, found.get(first + rest, 0))
        return found

    def frequencies(self, names: Iterable[str] | None = None) -> Numbers:
        """Number of products that hold each word in any of the fields, (words,)."""
        counts = np.zeros(len(self.words), np.int64)
        names = list(self._ids) if names is None else list(names)
        for parts in zip(*(self.chunks(name) for name in names), strict=True):
            keys = [ids * self.products + rows for rows, ids in parts]
            found = np.unique(np.concatenate(keys)) // max(1, self.products)
            counts += np.bincount(found, minlength=len(counts))
        return counts

    def pairs(self, names: Iterable[str] | None = None) -> tuple[Numbers, Numbers]:
        """Neighbouring words as first · words + second, ascending, and their product counts."""
        size = max(1, len(self.words))
        names = list(self._ids) if names is None else list(names)
        keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
        for parts in zip(*(self.chunks(name) for name in names), strict=True):
            found = []
            for rows, ids in parts:
                beside = rows[1:] == rows[:-1]
                found.append(
                    np.stack([(ids[:-1] * size + ids[1:])[beside], rows[1:][beside]], axis=1)
                )
            both = np.concatenate(found)
            both = both[np.lexsort((both[:, 1], both[:, 0]))]
            new = np.ones(len(both), bool)
            new[1:] = (both[1:] != both[:-1]).any(axis=1)
            keys, counts = _added(keys, counts, both[new, 0])
        return keys, counts

    def learn(self, naming: Collection[str]) -> Analyser:
        """The analyser with the compounds that this catalogue shows.

        `naming` are the fields that name a product; descriptions put any two words side by side.
        """
        base = self._analyser
        stops = base.language.stop_words
        products = dict(zip(self.words, self.frequencies().tolist(), strict=True))
        spaced = self._spaced(name for name in naming if name in self._ids)
        splits: dict[str, tuple[str, ...]] = {}
        shown: dict[str, int] = {}
        for word, first, rest in candidates(products):
            if first in stops or rest in stops:
                continue
            apart, hyphens = spaced(first, rest), self._hyphens.get((first, rest), 0)
            joined, shortest = base.stem(word), min(len(first), len(rest))
            if shows(products[word], apart, hyphens, shortest) and apart + hyphens > shown.get(
                joined, 0
            ):
                shown[joined] = apart + hyphens
                splits[joined] = (base.stem(first), base.stem(rest))
        splits |= self._only_hyphenated({base.stem(word) for word in products} | splits.keys())
        nouns: Counter[str] = Counter()
        if base.language.compounding:
            for word, count in products.items():
                if word.isalpha() and word not in stops:
                    nouns[base.stem(word)] += count
        return Analyser(base.language, splits, nouns, base.groups, base.negation)

    def _only_hyphenated(self, taken: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Compounds that nobody here writes joined, unless that is the stem of another word."""
        base, stops = self._analyser, self._analyser.language.stop_words
        found: dict[str, tuple[str, ...]] = {}
        for (first, rest), count in sorted(self._hyphens.items()):
            joined = base.stem(first + rest)
            new = joined not in taken and joined not in found and len(joined) >= LEAST_JOINED
            if new and stops.isdisjoint((first, rest)) and shows(0, 0, count, 1):
                found[joined] = (base.stem(first), base.stem(rest))
        return found

    def _spaced(self, names: Iterable[str]) -> Callable[[str, str], int]:
        keys, counts = self.pairs(names)

        def products(first: str, rest: str) -> int:
            key = self._number[first] * len(self.words) + self._number[rest]
            at = int(np.searchsorted(keys, key))
            return int(counts[at]) if at < len(keys) and keys[at] == key else 0

        return products


def _added(keys: Numbers, counts: Numbers, more: Numbers) -> tuple[Numbers, Numbers]:
    found, times = np.unique(more, return_counts=True)
    every, place = np.unique(np.concatenate([keys, found]), return_inverse=True)
    return every, np.bincount(place, np.concatenate([counts, times])).astype(np.int64)

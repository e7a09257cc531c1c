"""Words within two slips of a string, by symmetric deletion (SymSpell, W. Garbe 2012).

Two words one slip apart have a string in common when a letter is taken out of either. All such
strings of all words stand in two sorted arrays of hashes, mapped from disk: one letter or none
taken out, and two. A hash may collide: whoever asks looks at the words themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

LEAST_FOR_TWO = 7  # letters of a word that may hold two slips
MOST_LETTERS = 24  # letters of a word that is looked at

Hashes = NDArray[np.uint32]
Words = NDArray[np.int32]


class Deletions:
    """Hash → numbers of words, in two tables; immutable."""

    def __init__(self, one: tuple[Hashes, Words], two: tuple[Hashes, Words]) -> None:
        self._tables = one, two

    def near(self, word: str, slips: int) -> list[int]:
        """Numbers of the words that may lie within one or two slips; some lie farther."""
        if len(word) > MOST_LETTERS:
            return []
        if slips == 1:
            return _found(self._tables[0], _hashed(_without(word, 1)))
        hashes = _hashed(_without(word, 2))
        return [number for table in self._tables for number in _found(table, hashes)]

    @classmethod
    def of(cls, words: Sequence[str]) -> Deletions:
        """The tables of a list of words; a word's number is its place. Empty words are left out."""
        numbered = enumerate(words)
        fitting = [(number, word) for number, word in numbered if 0 < len(word) <= MOST_LETTERS]
        one = ((number, text) for number, word in fitting for text in _without(word, 1))
        two = (
            (number, "".join(letters))
            for number, word in fitting
            if len(word) >= LEAST_FOR_TWO
            for letters in set(combinations(word, len(word) - 2))
        )
        return cls(_table(one), _table(two))

    def save(self, directory: Path) -> None:
        """Write four arrays into an existing directory."""
        for name, (hashes, words) in zip(("one", "two"), self._tables, strict=True):
            np.save(directory / f"{name}_hashes.npy", hashes)
            np.save(directory / f"{name}_words.npy", words)

    @classmethod
    def load(cls, directory: Path) -> Deletions:
        """Map what `save` wrote. Raises OSError or ValueError."""
        one, two = (
            (
                np.asarray(np.load(directory / f"{name}_hashes.npy", mmap_mode="r")),
                np.asarray(np.load(directory / f"{name}_words.npy", mmap_mode="r")),
            )
            for name in ("one", "two")
        )
        return cls(one, two)


def _without(word: str, most: int) -> list[str]:
    """The word, and it with one letter or up to two taken out; each string once."""
    found = [word, *(word[:at] + word[at + 1 :] for at in range(len(word)))]
    if most == 2:
        found += ["".join(letters) for letters in combinations(word, len(word) - 2)]
    return list(dict.fromkeys(found))


def _hashed(texts: Iterable[str]) -> Hashes:
    return np.array([crc32(text.encode()) for text in texts], np.uint32)


def _found(table: tuple[Hashes, Words], asked: Hashes) -> list[int]:
    hashes, words = table
    starts = hashes.searchsorted(asked)
    ends = hashes.searchsorted(asked, side="right")
    spans = zip(starts.tolist(), ends.tolist(), strict=True)
    return [number for start, end in spans if start < end for number in words[start:end].tolist()]


def _table(entries: Iterator[tuple[int, str]]) -> tuple[Hashes, Words]:
    flat = np.fromiter(
        ((crc32(text.encode()) << 32) | number for number, text in entries), np.uint64
    )
    flat.sort()
    return (flat >> np.uint64(32)).astype(np.uint32), flat.astype(np.uint32).astype(np.int32)

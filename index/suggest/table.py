"""The files of the suggestions: entries, their keys in alphabetical order, their words."""

from __future__ import annotations

import json
import mmap
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from catalog.errors import BundleError
from catalog.text import normalise
from index.suggest.entries import Entry
from index.words import segment

Numbers = NDArray[np.int32]
_LAST = "\U0010ffff"
_WORDS = 16  # of an entry that it can be found by
_ABOUT, _TEXTS, _KEYS = "suggest.json", "entries.jsonl", "keys.txt"
_ARRAYS = ("entry_ends", "key_ends", "key_entries", "word_starts", "word_entries")


@dataclass(frozen=True, eq=False)
class SuggestTable:
    """Entries are numbered by popularity: of any set the smallest numbers are the best.

    `word_entries[word_starts[w]:word_starts[w + 1]]` are the entries with word w, ascending, so
    that the entries of all words with a common beginning stand side by side. `triples` are all
    strings of three letters in the words.
    """

    words: list[str]
    triples: frozenset[str]
    texts: mmap.mmap | bytes
    keys: mmap.mmap | bytes
    entry_ends: NDArray[np.int64]
    key_ends: NDArray[np.int64]
    key_entries: Numbers
    word_starts: NDArray[np.int64]
    word_entries: Numbers

    def entry(self, number: int) -> dict[str, Any]:
        """The record of an entry."""
        start = int(self.entry_ends[number - 1]) if number else 0
        record: dict[str, Any] = orjson.loads(self.texts[start : int(self.entry_ends[number])])
        return record

    def starting(self, text: str) -> Numbers:
        """Entries whose key begins with `text`, in no order."""
        numbers = range(len(self.key_ends))
        low = bisect_left(numbers, text.encode(), key=self._key)
        high = bisect_left(numbers, (text + _LAST).encode(), low, key=self._key)
        return self.key_entries[low:high]

    def words_like(self, beginning: str) -> tuple[int, int]:
        """The range of words that begin so."""
        words = self.words
        low = bisect_left(words, beginning)
        if low == len(words) or not words[low].startswith(beginning):
            return low, low
        return low, bisect_left(words, beginning + _LAST, low)

    def letters_between(self) -> Mapping[tuple[str, str], str]:
        """The letters that stand between two others in some word."""
        found: dict[tuple[str, str], str] = {}
        for triple in sorted(self.triples):
            ends = triple[0], triple[2]
            found[ends] = found.get(ends, "") + triple[1]
        return found

    def letters_after(self) -> Mapping[str, str]:
        """The letters that stand after two others in some word."""
        found: dict[str, str] = {}
        for triple in sorted(self.triples):
            found[triple[:2]] = found.get(triple[:2], "") + triple[2]
        return found

    def holding(self, low: int, high: int) -> Numbers:
        """Entries with one of a range of words; in order only where it is one word."""
        return self.word_entries[int(self.word_starts[low]) : int(self.word_starts[high])]

    def _key(self, place: int) -> bytes:
        start = int(self.key_ends[place - 1]) if place else 0
        return self.keys[start : int(self.key_ends[place])]

    @classmethod
    def load(cls, directory: Path) -> SuggestTable:
        """Map what `save` wrote. Raises BundleError when it cannot be read."""
        try:
            about = json.loads((directory / _ABOUT).read_text())
            arrays = [
                np.asarray(np.load(directory / f"{name}.npy", mmap_mode="r")) for name in _ARRAYS
            ]
            texts, keys = _mapped(directory / _TEXTS), _mapped(directory / _KEYS)
            if len(arrays[3]) != len(about["words"]) + 1 or len(arrays[0]) != about["entries"]:
                raise ValueError("the sizes of its files disagree")
            return cls(about["words"], frozenset(about["triples"]), texts, keys, *arrays)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise BundleError(
                f"the suggestions cannot be read: {error}",
                where=directory,
                hint="Build the index again.",
            ) from error


def words_of(text: str) -> list[str]:
    """The words that an entry is found by and that a shopper types."""
    return segment.words(normalise(text), singles=True)


def save(entries: Sequence[Entry], directory: Path) -> None:
    """Write the table of entries, best first, into a new directory."""
    directory.mkdir(parents=True)
    entry_ends = _write(directory / _TEXTS, (orjson.dumps(entry.record()) for entry in entries))
    keys = sorted((entry.key.encode(), number) for number, entry in enumerate(entries))
    key_ends = _write(directory / _KEYS, (key for key, _ in keys))
    numbers: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        for word in dict.fromkeys(words_of(entry.text)[:_WORDS]):
            numbers.setdefault(word, []).append(number)
    words = sorted(numbers)
    counts = [len(numbers[word]) for word in words]
    arrays: tuple[NDArray[Any], ...] = (
        entry_ends,
        key_ends,
        np.array([number for _, number in keys], np.int32),
        np.concatenate(([0], np.cumsum(counts, dtype=np.int64))).astype(np.int64),
        np.array([number for word in words for number in numbers[word]], np.int32),
    )
    for name, array in zip(_ARRAYS, arrays, strict=True):
        np.save(directory / f"{name}.npy", array)
    triples = sorted({word[at : at + 3] for word in words for at in range(len(word) - 2)})
    about = {"entries": len(entries), "triples": triples, "words": words}
    (directory / _ABOUT).write_text(json.dumps(about, ensure_ascii=False) + "\n", encoding="utf-8")


def _write(path: Path, parts: Iterable[bytes]) -> NDArray[np.int64]:
    ends, end = [], 0
    with path.open("wb") as stream:
        for part in parts:
            end += stream.write(part)
            ends.append(end)
    return np.array(ends, np.int64)


def _mapped(path: Path) -> mmap.mmap | bytes:
    if not path.stat().st_size:
        return b""
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

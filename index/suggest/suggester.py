"""A beginning of a query to the most popular ways to go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from catalog.text import normalise
from index.suggest.table import Numbers, SuggestTable, words_of

MAX_SUGGESTIONS = 20
LEAST_FOR_SLIPS = 3  # characters typed before a slip is assumed
_MOST_WORDS = 8
_MOST_MENDED = 2  # words with a slip each
_FEW_HOLDERS = 8  # entries with a word that may be a slip all the same
_AHEAD = 4  # as many as are asked for, since two words of one entry may begin alike
Match = Literal["beginning", "word", "slip"]


@dataclass(frozen=True)
class Suggestion:
    """One offer: the entry as `index.suggest.entries` records it, and how it fits what was typed.

    `beginning`: its text goes on from there; `word`: it holds all words typed, the last one perhaps
    begun; `slip`: the same with one letter mended in each word that nothing begins with, or in any
    one word where no entry holds them all.
    """

    entry: dict[str, Any]
    match: Match


class Suggester:
    """Immutable; safe to share between threads."""

    def __init__(self, table: SuggestTable) -> None:
        self._table = table
        # Ready before the first shopper: what is derived from the table, and the Unicode patterns.
        self._between, self._after = table.letters_between(), table.letters_after()
        words_of("é")

    def suggest(self, typed: str, limit: int) -> list[Suggestion]:
        """At most `limit` entries that differ in text: best fitting first, then by popularity."""
        text = normalise(typed)
        if not text or limit < 1:
            return []
        shown: dict[str, Suggestion] = {}
        for match, numbers in self._found(text, open_end=not typed[-1].isspace(), limit=limit):
            for number in numbers:
                entry = self._table.entry(number)
                shown.setdefault(normalise(entry["text"]), Suggestion(entry, match))
                if len(shown) == limit:
                    return list(shown.values())
        return list(shown.values())

    def _found(self, text: str, *, open_end: bool, limit: int) -> Iterator[tuple[Match, list[int]]]:
        count = limit * _AHEAD
        yield "beginning", _best(self._table.starting(text if open_end else text + " "), count)
        words = words_of(text)[:_MOST_WORDS]
        if not words:
            return
        ends = [False] * (len(words) - 1) + [open_end]
        spans = [self._spans(word, open_end=end) for word, end in zip(words, ends, strict=True)]
        if all(spans):
            held = self._holding(spans, count)
            yield "word", held
            if not held:
                yield "slip", self._holding_but_one(words, spans, ends, count)
        elif sum(not span for span in spans) <= _MOST_MENDED:
            for at, word in enumerate(words):
                spans[at] = spans[at] or list(self._mended(word, open_end=ends[at]))
                if not spans[at]:
                    return
            yield "slip", self._holding(spans, count)

    def _holding_but_one(
        self, words: list[str], spans: list[list[tuple[int, int]]], ends: list[bool], count: int
    ) -> list[int]:
        """The best entries that hold all words but one, and that one with a letter mended.

        Words that titles have misspelt are known, too; few entries hold them.
        """
        found: set[int] = set()
        for at, word in enumerate(words):
            holders = sum(len(self._table.holding(low, high)) for low, high in spans[at])
            mended = []
            if holders <= _FEW_HOLDERS:
                mended = list(self._mended(word, open_end=ends[at]))
            if mended:
                found.update(self._holding([*spans[:at], mended, *spans[at + 1 :]], count))
        return sorted(found)[:count]

    def _spans(self, word: str, *, open_end: bool) -> list[tuple[int, int]]:
        """The words meant by one typed, as ranges: itself, or all that begin with it."""
        low, high = self._table.words_like(word)
        if not open_end:
            high = low + (low < high and self._table.words[low] == word)
        return [(low, high)] if low < high else []

    def _mended(self, word: str, *, open_end: bool) -> Iterator[tuple[int, int]]:
        """Ranges of words one slip away; the first letter, seldom missed, stays."""
        if len(word) < LEAST_FOR_SLIPS:
            return
        for at in range(1, len(word) + 1):
            head, tail = word[:at], word[at:]
            low, high = self._table.words_like(head)
            if low == high:
                return
            variants = [head + letter + tail for letter in self._letters(head, tail)]
            if tail:
                variants.append(head + tail[1:])
                variants += [head + letter + tail[1:] for letter in self._letters(head, tail[1:])]
            if len(tail) > 1:
                variants.append(head + tail[1] + tail[0] + tail[2:])
            for variant in variants:
                yield from self._spans(variant, open_end=open_end)

    def _letters(self, head: str, tail: str) -> str:
        """The letters that may stand between, as far as three of them tell."""
        if tail:
            return self._between.get((head[-1], tail[0]), "")
        return self._after.get(head[-2:], "")

    def _holding(self, spans: list[list[tuple[int, int]]], count: int) -> list[int]:
        """The best entries that hold one word of each list of ranges."""
        sets = [[self._table.holding(low, high) for low, high in one] for one in spans]
        sets.sort(key=lambda parts: sum(map(len, parts)))
        found = _joined(sets[0])
        for parts in sets[1:]:
            found = found[np.isin(found, _joined(parts))]
        return _best(found, count)


def _joined(parts: list[Numbers]) -> Numbers:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _best(numbers: Numbers, count: int) -> list[int]:
    """The smallest numbers, ascending, each once."""
    if len(numbers) > count:
        numbers = np.partition(numbers, count)[:count]
    return sorted(set(numbers.tolist()))

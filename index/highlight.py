"""The words of a product that answer the query, in `<mark>`, the rest escaped for HTML.

Words are compared as the index reads them: stems, units, compounds and synonyms count alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from catalog.errors import QueryError
from index.words import segment
from index.words.analyser import Analyser
from index.words.terms import QueryTerms

FIELDS = ("title", "brand", "description")
WINDOW = 240  # characters of a long text that are shown, the first marked word among them
_BEFORE = 60
Span = tuple[int, int]
Phrase = tuple[str, ...]


def highlight_fields(asked: Collection[str]) -> tuple[str, ...]:
    """The fields asked for, each once. Raises QueryError for one that is never marked."""
    for name in asked:
        if name not in FIELDS:
            raise QueryError(
                f"field {name[:60]!r} is not highlighted",
                where="highlight",
                expected=f"true, or some of {', '.join(FIELDS)}",
            )
    return tuple(dict.fromkeys(asked))


class Highlighter:
    """Marks the words of one query."""

    def __init__(self, terms: QueryTerms, analyser: Analyser) -> None:
        self._analyser = analyser
        groups = {group.term: group.found for group in analyser.groups}
        self._singles: set[str] = set()
        self._phrases: set[Phrase] = set()
        for term, _ in terms.counts:
            # A compound is one term with spaces: its parts side by side.
            for phrase in groups.get(term, (tuple(term.split(" ")),)):
                if len(phrase) == 1:
                    self._singles.add(phrase[0])
                else:
                    self._phrases.add(phrase)

    def marked(self, product: Mapping[str, Any], fields: Sequence[str]) -> dict[str, str]:
        """Those fields of a product that have a text, as HTML; long ones cut to a window."""
        return {name: self.mark(product[name]) for name in fields if product.get(name)}

    def mark(self, text: str) -> str:
        """A text as HTML with `<mark>` around the words of the query."""
        marks = _merged(sorted(self._marks(text)))
        start, end = _window(text, marks)
        parts, at = ["…" if start else ""], start
        for first, last in marks:
            if first >= at and last <= end:
                parts += [escape(text[at:first]), "<mark>", escape(text[first:last]), "</mark>"]
                at = last
        return "".join([*parts, escape(text[at:end]), "…" if end < len(text) else ""])

    def _marks(self, text: str) -> set[Span]:
        places: list[Span] = []
        terms: list[tuple[str, ...]] = []
        for start, end, own in self._words(text):
            places.append((start, end))
            terms.append(own)
        found = {
            place
            for place, own in zip(places, terms, strict=True)
            if not self._singles.isdisjoint(own)
        }
        flat = [(term, place) for place, own in zip(places, terms, strict=True) for term in own]
        for phrase in self._phrases:
            for at in range(len(flat) - len(phrase) + 1):
                run = flat[at : at + len(phrase)]
                if tuple(term for term, _ in run) == phrase:
                    found.update(place for _, place in run)
        return found

    def _words(self, text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        """Start, end and terms of each word; pairs of characters where there are no spaces."""
        after_number = False
        for start, end, unspaced in segment.spans(text):
            if unspaced and end - start > 1:
                for first, second in pairwise(range(start, end)):
                    yield first, second + 1, self._terms(text[first : second + 1], False)
                for at in range(start, end):
                    if text[at] in self._singles:
                        yield at, at + 1, (text[at],)
                continue
            yield start, end, self._terms(text[start:end], after_number)
            after_number = text[start].isdecimal()

    def _terms(self, word: str, after_number: bool) -> tuple[str, ...]:
        # A unit is only one after a number.
        words = self._analyser.words(f"1 {word}" if after_number else word)[after_number:]
        return tuple(term for each in words for term, _ in self._analyser.terms_of(each))


def _merged(marks: Sequence[Span]) -> list[Span]:
    # Pairs of characters share one: together they are one stretch.
    merged: list[Span] = []
    for start, end in marks:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _window(text: str, marks: Sequence[Span]) -> Span:
    """The part to show, cut where words end."""
    if len(text) <= WINDOW:
        return 0, len(text)
    first = marks[0][0] if marks else 0
    start = max(0, min(first - _BEFORE, len(text) - WINDOW))
    if start:
        start = min(first, text.find(" ", start, first) + 1 or first)
    end = start + WINDOW
    if end < len(text):
        end = max(text.rfind(" ", start, end), marks[0][1] if marks else 0)
    return start, end if end > start else start + WINDOW

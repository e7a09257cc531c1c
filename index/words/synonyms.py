"""Synonyms: a text file to groups of phrases, checked line by line.

One group a line; `#` begins a comment. Two forms (those of Solr and Lucene):

    tv, television, television set      each of these finds all of them
    sneakers, kicks => shoes, trainers  the left ones find the right ones too, not the reverse

A phrase has up to eight words. A phrase may begin one group only: two lines that could both answer
for it are refused, and so is a line that says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import CatalogError

Phrase = tuple[str, ...]
MOST_WORDS = 8


@dataclass(frozen=True)
class Group:
    """Phrases of terms: a query with one of `asked` finds products with any of `found`.

    A group that nobody asks for by name is asked for by its term.
    """

    asked: tuple[Phrase, ...]
    found: tuple[Phrase, ...]

    @property
    def term(self) -> str:
        """The one term that stands for the group; no word of a text is written like it."""
        every = "|".join(" ".join(phrase) for phrase in self.found)
        if not self.asked or set(self.asked) == set(self.found):
            return every
        return f"{'|'.join(' '.join(phrase) for phrase in self.asked)}>{every}"


@dataclass(frozen=True)
class RawGroup:
    """A line of the file: the phrases left and right of the arrow, twice the same without one."""

    asked: tuple[str, ...]
    found: tuple[str, ...]


def groups_of(raw: Iterable[RawGroup], terms: Callable[[str], list[str]]) -> tuple[Group, ...]:
    """The groups as an index reads them.

    What the index takes for the same words anyway falls together; a group of which nothing is left
    to find falls away.
    """
    taken: set[Phrase] = set()
    groups: list[Group] = []
    for line in raw:
        asked = _distinct(line.asked, terms)
        found = tuple(dict.fromkeys((*asked, *_distinct(line.found, terms))))
        asked = tuple(phrase for phrase in asked if phrase not in taken)
        if asked and len(found) > 1:
            taken.update(asked)
            groups.append(Group(asked, found))
    return tuple(groups)


def _distinct(texts: Iterable[str], terms: Callable[[str], list[str]]) -> tuple[Phrase, ...]:
    return tuple(dict.fromkeys(tuple(terms(text)) for text in texts))


def read_synonyms(path: Path, terms: Callable[[str], list[str]]) -> tuple[RawGroup, ...]:
    """The lines of a file, in its order; `terms` reads a phrase as the index reads texts.

    Raises CatalogError with the line that is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise CatalogError("the synonyms are not UTF-8", where=path) from error
    except OSError as error:
        raise CatalogError(
            f"the synonyms cannot be read: {error.strerror}", where=path, hint="Check the path."
        ) from error
    groups: list[RawGroup] = []
    first_line: dict[Phrase, int] = {}
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        where = f"{path}, line {number}"
        group = _group(text, terms, where)
        for phrase in _distinct(group.asked, terms):
            if phrase in first_line:
                raise CatalogError(
                    f"{' '.join(phrase)!r} is in line {first_line[phrase]} already",
                    where=where,
                    expected="each phrase in one group",
                    hint="Write both lines as one group.",
                )
            first_line[phrase] = number
        groups.append(group)
    return tuple(groups)


def _group(text: str, terms: Callable[[str], list[str]], where: str) -> RawGroup:
    halves = text.split("=>")
    if len(halves) > 2:
        raise CatalogError(
            "there is more than one => in the line",
            where=where,
            expected="a, b => c, d",
            found=text[:80],
        )
    sides = [_phrases(half, terms, where) for half in halves]
    group = RawGroup(sides[0], sides[-1])
    if len(sides) == 1 and len(_distinct(group.asked, terms)) < 2:
        raise CatalogError(
            "a group has at least two phrases that differ",
            where=where,
            expected="a, b",
            found=text[:80],
            hint="Words that only differ in their ending are the same to the index already.",
        )
    if len(sides) == 2 and set(_distinct(group.found, terms)) <= set(_distinct(group.asked, terms)):
        raise CatalogError(
            "the right side adds nothing to the left one",
            where=where,
            expected="a, b => c, d",
            found=text[:80],
        )
    return group


def _phrases(side: str, terms: Callable[[str], list[str]], where: str) -> tuple[str, ...]:
    texts = tuple(text.strip() for text in side.split(","))
    for text in texts:
        phrase = terms(text)
        if not phrase:
            raise CatalogError(
                "a phrase without letters or digits",
                where=where,
                expected="phrases parted by commas",
                found=side.strip()[:80] or "nothing",
            )
        if len(phrase) > MOST_WORDS:
            raise CatalogError(
                "a phrase is too long",
                where=where,
                expected=f"at most {MOST_WORDS} words",
                found=f"{len(phrase)}: {text[:80]}",
            )
    return texts


class PhraseTable:
    """Phrases to numbers, longest match first."""

    def __init__(self, phrases: Iterable[tuple[Phrase, int]]) -> None:
        self._by_first: dict[str, list[tuple[Phrase, int]]] = {}
        for phrase, number in phrases:
            self._by_first.setdefault(phrase[0], []).append((phrase, number))
        for entries in self._by_first.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def __bool__(self) -> bool:
        return bool(self._by_first)

    def match(self, terms: list[str], at: int) -> tuple[int, int] | None:
        """(words, number) of the longest phrase that begins at `at`, None if there is none."""
        for phrase, number in self._by_first.get(terms[at], ()):
            if tuple(terms[at : at + len(phrase)]) == phrase:
                return len(phrase), number
        return None

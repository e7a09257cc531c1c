"""The reading of texts that one index was built with: words, their parts, terms and synonyms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import Stemmer

from catalog.text import normalise
from index.words import segment, units
from index.words.accents import without_accents
from index.words.compounds import Splits, noun_split
from index.words.languages import DEFAULT, Language, language
from index.words.synonyms import Group, Phrase, PhraseTable
from index.words.terms import QueryTerms, counted
from index.words.unwanted import Negation, unwanted
from index.words.unwanted import negation as negation_of

_CACHE = 1 << 17
_MARKS = str.maketrans("\u2122\u2120", "  ")  # else `Gore-Tex™` would end in the letters TM
Term = tuple[str, bool]  # the term, and whether it is a stop word


class Analyser:
    """Frozen when an index is built; safe to share between threads.

    `splits` are the compounds that the catalogue writes apart as well, term by term; `nouns`, of
    compounding languages alone, the stems that words may be made of, with their product counts;
    `groups` the synonyms; `negation` the words that say what is not wanted, those of the language
    unless given.

    Products are read with their compounds apart. A query that says `smartwatch` looks for `smart
    watch` side by side, as one term; one that says `smart watch` looks for both words.
    """

    def __init__(
        self,
        spoken: Language | None = None,
        splits: Splits | None = None,
        nouns: Mapping[str, int] | None = None,
        groups: Sequence[Group] = (),
        negation: Negation | None = None,
    ) -> None:
        self.language = spoken or language(DEFAULT)
        self.negation = negation_of(self.language.code) if negation is None else negation
        self.splits: Splits = splits or {}
        self.nouns: Mapping[str, int] = nouns or {}
        self.groups = tuple(groups)
        name = self.language.stemmer
        self._stemmer = Stemmer.Stemmer(name, 0) if name else None
        self._asked = PhraseTable(_numbered(group.asked for group in groups))
        self._beside = frozenset(self.splits.values())
        self._sought = (*self.groups, *(Group((), (parts,)) for parts in sorted(self._beside)))
        self._found = _by_first(self._sought)
        self.terms_of = lru_cache(_CACHE)(self._terms_of)

    def words(self, text: str, *, singles: bool = False) -> list[str]:
        """The normalised words of a text in order: stop words included, not split, not stemmed.

        `singles` adds the lone characters of scripts without spaces, as products have them.
        """
        text = normalise(text if text.isascii() else text.translate(_MARKS))
        if not units.has_digit(text):
            return segment.words(text, singles=singles)
        text = units.spell_out(text, decimal_comma=self.language.decimal_comma)
        return units.canonical(segment.words(text, singles=singles))

    def query_terms(self, text: str) -> QueryTerms:
        """Terms of a query: synonyms as one, stop words only if it has nothing else."""
        words = self.words(text)
        against = unwanted(words, self._says_nothing, self.negation)
        read = [self.terms_of(word) for at, word in enumerate(words) if at not in against]
        if self.groups or (self.splits and any(len(terms) > 1 for terms in read)):
            terms = list(self._combined(read))
        else:
            terms = [term for of_word in read for term in of_word]
        kept = [term for term, stop in terms if not stop] or [term for term, _ in terms]
        lost = [term for at in sorted(against) for term, _ in self.terms_of(words[at])]
        return counted(kept, [term for term in lost if term not in kept])

    def product_terms(self, text: str) -> tuple[list[str], int]:
        """All terms of a product's text, those of synonym groups last; its length in words."""
        read = [self.terms_of(word) for word in self.words(text, singles=True)]
        plain = [term for terms in read for term, _ in terms]
        length = sum(not all(stop for _, stop in terms) for terms in read)
        return plain + self.group_terms(plain), length

    def phrase(self, text: str) -> list[str]:
        """The terms of a synonym's phrase, stop words included."""
        return [term for word in self.words(text) for term, _ in self.terms_of(word)]

    def group_terms(self, terms: list[str]) -> list[str]:
        """The terms of the groups and compounds in a sequence of terms, once an occurrence.

        An occurrence is the longest phrase of the group at its place, none inside another.
        """
        found: list[str] = []
        free: dict[int, int] = {}
        for at, term in enumerate(terms):
            for phrase, number in self._found.get(term, ()):
                if at >= free.get(number, 0) and tuple(terms[at : at + len(phrase)]) == phrase:
                    free[number] = at + len(phrase)
                    found.append(self._sought[number].term)
        return found

    @cached_property
    def sought(self) -> Mapping[str, frozenset[str]]:
        """The terms that `group_terms` may give, by the term with which their phrases begin."""
        return {
            opener: frozenset(self._sought[number].term for _, number in entries)
            for opener, entries in self._found.items()
        }

    def stem(self, word: str) -> str:
        """The stem of one normalised word, accents of Latin and Greek letters taken off."""
        return without_accents(word if self._stemmer is None else self._stemmer.stemWord(word))

    def with_groups(self, groups: Sequence[Group]) -> Analyser:
        """The same reading with other synonyms."""
        return Analyser(self.language, self.splits, self.nouns, groups, self.negation)

    def record(self) -> dict[str, Any]:
        """The analyser as JSON values."""
        return {
            "language": self.language.code,
            "splits": {word: list(parts) for word, parts in self.splits.items()},
            "nouns": dict(self.nouns),
            "groups": [
                {"asked": [*map(list, group.asked)], "found": [*map(list, group.found)]}
                for group in self.groups
            ],
            "unwanted": bool(self.negation.words),
        }

    @classmethod
    def from_record(cls, body: Mapping[str, Any]) -> Analyser:
        """What `record` gave. Raises KeyError, TypeError or CatalogError."""
        return cls(
            language(body["language"]),
            {word: tuple(parts) for word, parts in body["splits"].items()},
            body["nouns"],
            [Group(_phrases(group["asked"]), _phrases(group["found"])) for group in body["groups"]],
            # An index from before products were read for what they lack.
            None if body.get("unwanted") else Negation.none(),
        )

    def _combined(self, read: Sequence[Sequence[Term]]) -> Iterator[Term]:
        """Terms with synonyms as their group, compounds as their parts side by side."""
        plain = [term for terms in read for term, _ in terms]
        stops = [stop for terms in read for _, stop in terms]
        starts = accumulate((len(terms) for terms in read), initial=0)
        compounds = {at: len(terms) for at, terms in zip(starts, read, strict=False)}
        at = 0
        while at < len(plain):
            match = self._asked.match(plain, at)
            length = compounds.get(at, 1)
            if match is not None:
                yield self.groups[match[1]].term, False
                at += match[0]
            elif length > 1 and tuple(plain[at : at + length]) in self._beside:
                yield " ".join(plain[at : at + length]), False
                at += length
            else:
                yield plain[at], stops[at]
                at += 1

    def _terms_of(self, word: str) -> tuple[Term, ...]:
        if self.nouns:
            nouns = noun_split(word, self.nouns, self.stem) or (word,)
            if len(nouns) > 1:
                return tuple((self.stem(noun), False) for noun in nouns)
        term = self.stem(word)
        apart = self.splits.get(term)
        if apart is not None:
            return tuple((part, False) for part in apart)
        return ((term, self._says_nothing(word)),)

    def _says_nothing(self, word: str) -> bool:
        # A lone character of a script without spaces stands beside its pairs in products; it is
        # no word of theirs to count.
        return word in self.language.stop_words or (len(word) == 1 and segment.is_unspaced(word))


def _phrases(lists: Iterable[Iterable[str]]) -> tuple[Phrase, ...]:
    return tuple(tuple(phrase) for phrase in lists)


def _numbered(sides: Iterable[Iterable[Phrase]]) -> Iterator[tuple[Phrase, int]]:
    return ((phrase, number) for number, side in enumerate(sides) for phrase in side)


def _by_first(groups: Sequence[Group]) -> dict[str, list[tuple[Phrase, int]]]:
    table: dict[str, list[tuple[Phrase, int]]] = {}
    for phrase, number in _numbered(group.found for group in groups):
        table.setdefault(phrase[0], []).append((phrase, number))
    for entries in table.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return table

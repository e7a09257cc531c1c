"""What a query does not want (`bra without wire`), and what a product says that it lacks.

A product without wires says so as a rule: `no wire`, `wire free`. Such a word counts as a term of
its own there, besides the word itself. A query that does not want wires looks for that term, and a
product that just says `wire` loses half of what finding it would have been worth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MARK = "¬"  # begins the term of what is lacking; no word of a text holds it
PENALTY = 0.5  # of a term's weight, for products that have what is not wanted
MOST = 2  # words behind `without` that are meant
REACH = 2  # words before a word that may say it is lacking

# What announces in a query that the next words are not wanted; what says so in products: up to two
# words before, right behind. English was measured (docs/results.md).
_WORDS = {
    "ca": ("sense", "sense", ""),
    "cs": ("bez", "bez", ""),
    "da": ("uden", "uden", ""),
    "de": ("ohne", "ohne kein keine keinen", ""),
    "en": ("without", "without no non", "free less"),
    "es": ("sin", "sin", ""),
    "fr": ("sans", "sans", ""),
    "it": ("senza", "senza", ""),
    "nl": ("zonder", "zonder geen", ""),
    "no": ("uten", "uten", ""),
    "pl": ("bez", "bez", ""),
    "pt": ("sem", "sem", ""),
    "ru": ("без", "без", ""),
    "sv": ("utan", "utan", ""),
}


_OPEN = "and e eller en et i nebo o och oder of og or ou u und y и или"
_ENDS = "above below less over under"
# `with or without a stand` leaves it open; a price or a size begins behind the others.
OPEN, ENDS = frozenset(_OPEN.split()), frozenset(_ENDS.split())


@dataclass(frozen=True)
class Negation:
    """The words of one language that announce what is not wanted, or lacking."""

    asked: frozenset[str]
    before: frozenset[str]
    behind: frozenset[str]

    @classmethod
    def none(cls) -> Negation:
        """No words at all."""
        return cls(frozenset(), frozenset(), frozenset())

    @property
    def words(self) -> frozenset[str]:
        """All of them."""
        return self.asked | self.before | self.behind


def negation(language: str) -> Negation:
    """Those of a language by its code; none where we know none."""
    if language not in _WORDS:
        return Negation.none()
    return Negation(*(frozenset(words.split()) for words in _WORDS[language]))


def unwanted(
    words: Sequence[str], says_nothing: Callable[[str], bool], known: Negation
) -> frozenset[int]:
    """Places of the words that a query does not want; none where nothing else would be left.

    Behind each announcing word these are the next two that are no stop words, or one where a stop
    word or a price ends it: of `dress without a zipper for girls` the zipper alone.
    """
    places: set[int] = set()
    for start, word in enumerate(words):
        if word not in known.asked or OPEN.intersection(words[max(0, start - 1) : start]):
            continue
        found = 0
        for place in range(start + 1, len(words)):
            if found == MOST or words[place] in known.asked or words[place] in ENDS:
                break
            if not says_nothing(words[place]):
                places.add(place)
                found += 1
            elif found:
                break
    left = (word for place, word in enumerate(words) if place not in places)
    wanted = any(word not in known.asked and not says_nothing(word) for word in left)
    return frozenset(places if wanted else ())

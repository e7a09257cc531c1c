"""Compounds: words that the catalogue also writes as several, learnt from the catalogue itself.

`smartwatch` is read as `smart watch`, `usbc` as `usb c` and, in German, `hundefutter` as `hunde
futter`. Where a language joins words at will (German, Dutch, the Nordic ones …) the vocabulary
decides alone: a word is split into parts that are together more at home in the catalogue than the
whole (Koehn and Knight, EACL 2003). Elsewhere `carpet` must not become `car pet`: a split needs
products that write it with a hyphen, or that name themselves so with a space.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from math import prod

Splits = Mapping[str, tuple[str, ...]]

LEAST_JOINED = 4  # letters of a word that may be split at all
LEAST_PART = 3  # letters of a part that stands beside the other with a space
LEAST_NOUN = 4  # letters of a part that the vocabulary alone decides on
_PRODUCTS = 2  # that write it apart
_HYPHENATED = 0.1  # of the products that write it joined, those with a hyphen
_SPACED = 0.2  # likewise, those with a space
_LINKS = ("", "s", "n", "en", "es", "er", "e")  # what stands between two nouns
_MOST_PARTS = 4
MOST_LETTERS = 40


def candidates(words: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """(word, first part, rest) of every word made of two others."""
    for word in words:
        if len(word) < LEAST_JOINED or not word.isalpha():
            continue
        for at in range(1, len(word)):
            first, rest = word[:at], word[at:]
            if first in words and rest in words:
                yield word, first, rest


def shows(joined: int, spaced: int, hyphenated: int, shortest: int) -> bool:
    """Whether a catalogue shows that a word is a compound.

    All are numbers of products: those that hold the joined word, those that name themselves with
    the parts side by side, those with a hyphen between. `shortest` is the length of the shorter
    part: `a way` stands beside each other often enough without being `away`.
    """
    if hyphenated >= max(_PRODUCTS, _HYPHENATED * joined):
        return True
    return shortest >= LEAST_PART and spaced >= max(_PRODUCTS, _SPACED * joined)


def noun_split(
    word: str, nouns: Mapping[str, int], stem: Callable[[str], str]
) -> tuple[str, ...] | None:
    """The parts of a compound by the vocabulary alone, None where the word stays whole.

    `nouns` maps stems to numbers of products. Of all ways to cut the word into known ones of four
    letters or more, with a linking element allowed between, the one whose parts have the highest
    geometric mean of product counts, if that is above the count of the word itself.
    """
    if not 2 * LEAST_NOUN <= len(word) <= MOST_LETTERS or not word.isalpha():
        return None
    best, value = None, float(nouns.get(stem(word), 0))
    for parts in _cuts(word, nouns, stem, _MOST_PARTS):
        if len(parts) > 1:
            mean = prod(nouns[stem(part)] for part in parts) ** (1 / len(parts))
            if mean > value:
                best, value = parts, mean
    return best


def _cuts(
    word: str, nouns: Mapping[str, int], stem: Callable[[str], str], most: int
) -> Iterator[tuple[str, ...]]:
    if stem(word) in nouns:
        yield (word,)
    if most == 1:
        return
    for at in range(LEAST_NOUN, len(word) - LEAST_NOUN + 1):
        head = _known(word[:at], nouns, stem)
        if head is not None:
            for rest in _cuts(word[at:], nouns, stem, most - 1):
                yield (head, *rest)


def _known(part: str, nouns: Mapping[str, int], stem: Callable[[str], str]) -> str | None:
    for link in _LINKS:
        bare = part[: len(part) - len(link)]
        if part.endswith(link) and len(bare) >= LEAST_NOUN - 1 and stem(bare) in nouns:
            return bare
    return None

"""Compounds: words that the catalogue also writes as several, learnt from the catalogue itself.

`smartwatch` is read as `smart watch`, `usbc` as `usb c` and, in German, `hundefutter` as `hunde
futter`, in products and queries alike, so that all spellings are the same terms. Where a language
joins words at will (German, Dutch, the Nordic ones …) the vocabulary decides alone: a word is split
into parts that are each more at home in the catalogue than the whole (Koehn and Knight, EACL 2003).
Elsewhere `carpet` must not become `car pet`: a split needs products that write it with a hyphen, or
with a space often enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import prod

Splits = Mapping[str, tuple[str, ...]]

LEAST_JOINED = 4  # letters of a word that may be split at all
LEAST_PART = 2  # letters of a part that stands beside the other with a space
LEAST_NOUN = 4  # letters of a part that the vocabulary alone decides on
_HYPHENATED = 2  # products that write it with a hyphen
_SPACED = 3  # products that write it with a space
_SHARE = 0.05  # the spaced spelling, of all products with the joined one
_HYPHEN_SHARE = 0.02
_LINKS = ("", "s", "n", "en", "es", "er", "e")  # what stands between two nouns
_MOST_PARTS = 4
MOST_LETTERS = 40


def candidates(vocabulary: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    """(word, first part, rest) of every word made of two words of the vocabulary."""
    for word in vocabulary:
        if len(word) < LEAST_JOINED or not word.isalpha():
            continue
        for at in range(1, len(word)):
            first, rest = word[:at], word[at:]
            if first in vocabulary and rest in vocabulary:
                yield word, first, rest


def shown_splits(
    vocabulary: Mapping[str, int],
    found: Iterable[tuple[str, str, str]],
    spaced: Callable[[str, str], int],
    hyphenated: Mapping[tuple[str, str], int],
) -> dict[str, tuple[str, ...]]:
    """The splits that the catalogue itself shows, the best shown of each word.

    `vocabulary` maps words to numbers of products; `spaced(first, rest)` counts the products that
    write the two side by side, `hyphenated` those that put a hyphen between.
    """
    best: dict[str, tuple[int, tuple[str, ...]]] = {}
    for word, first, rest in found:
        joined, hyphens = vocabulary[word], hyphenated.get((first, rest), 0)
        apart = spaced(first, rest) if min(len(first), len(rest)) >= LEAST_PART else 0
        shown = hyphens >= max(_HYPHENATED, _HYPHEN_SHARE * joined) or apart >= max(
            _SPACED, _SHARE * joined
        )
        if shown:
            best[word] = max(best.get(word, (0, ())), (apart + hyphens, (first, rest)))
    return {word: parts for word, (_, parts) in best.items()}


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

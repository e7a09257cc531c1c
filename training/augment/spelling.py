"""Additive spelling noise: a judged query once more, with one slip in it (arXiv:2602.17654).

The slips and how often each is tried are ours. They come at three levels: of the keys (a
neighbouring key), of the ear (a spelling that sounds alike), of the hand (a letter left out, put
in, swapped with the next, replaced by any other).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from string import ascii_lowercase
from typing import TypeVar

from catalog.errors import TrainingError
from catalog.keyboard import QWERTY, Layout, neighbours
from catalog.text import normalise
from training.augment.sounds import sounding_alike

# A word as its letters, each with the marks that stand on it.
Letters = tuple[str, ...]
T = TypeVar("T")

LEAST_LETTERS = 4
SHORT_CHANCE = 0.05  # that a shorter word may change at all: `tv` as `vt` is another query
_FIRST_WEIGHT = 0.3  # people seldom miss the first letter of a word


@dataclass(frozen=True)
class Slip:
    """One way of going wrong: `variants(word, place)` are all outcomes at one of its letters.

    `weight` says how often it is tried before the others. A slip that brings in letters is
    `latin`: what keys or sounds are near each other we know for no other script.
    """

    name: str
    weight: float
    latin: bool
    variants: Callable[[Letters, int], Iterable[Letters]]


def wrong_key(layout: Layout = QWERTY, weight: float = 0.3) -> Slip:
    """A neighbouring key of the layout instead of the right one."""
    near = neighbours(layout)

    def variants(word: Letters, place: int) -> Iterable[Letters]:
        return (_with(word, place, key) for key in near.get(word[place], ""))

    return Slip("wrong_key", weight, latin=True, variants=variants)


def _alike(word: Letters, place: int) -> Iterable[Letters]:
    text = "".join(word)
    if len(text) != len(word):  # marks of their own: no English word
        return ()
    return (tuple(other) for other in sounding_alike(text, place))


def _left_out(word: Letters, place: int) -> Iterable[Letters]:
    yield word[:place] + word[place + 1 :]


def _put_in(word: Letters, place: int) -> Iterable[Letters]:
    return ((*word[: place + 1], letter, *word[place + 1 :]) for letter in ascii_lowercase)


def _swapped(word: Letters, place: int) -> Iterable[Letters]:
    if place + 1 < len(word) and _is_letter(word[place + 1]):
        yield (*word[:place], word[place + 1], word[place], *word[place + 2 :])


def _replaced(word: Letters, place: int) -> Iterable[Letters]:
    return (_with(word, place, letter) for letter in ascii_lowercase)


def _with(word: Letters, place: int, letter: str) -> Letters:
    return (*word[:place], letter, *word[place + 1 :])


SLIPS = (
    wrong_key(),
    Slip("sounds_alike", 0.3, latin=True, variants=_alike),
    Slip("left_out", 0.12, latin=False, variants=_left_out),
    Slip("swapped", 0.12, latin=False, variants=_swapped),
    Slip("put_in", 0.08, latin=True, variants=_put_in),
    Slip("replaced", 0.08, latin=True, variants=_replaced),
)


def misspelt(query: str, seed: int, slips: Sequence[Slip] = SLIPS) -> str | None:
    """The query with one slip in one word: normalised, never empty, never the query itself.

    Words with a digit in them stay (sizes, model numbers), words of fewer than four letters nearly
    always do; in scripts other than Latin a letter is left out or swapped with the next. The same
    query, seed and slips give the same variant, whatever else is in the data. None where nothing
    can go wrong: `42`, `4k tv`, or most often `tv`.
    """
    text = normalise(query)
    rng = Random(f"{seed}\0{text}")
    words = text.split(" ")
    open_words = {at: word for at, word in enumerate(words) if _may_change(word, rng)}
    for at in _drawn(list(open_words), lambda at: len(open_words[at]), rng):
        for wrong in _wrong(words[at], slips, rng):
            variant = " ".join((*words[:at], wrong, *words[at + 1 :]))
            # Letters that are no longer parted may compose into another: not this one, then.
            if variant != text and normalise(variant) == variant:
                return variant
    return None


def variants_of(
    queries: Iterable[str], share: float, seed: int, known: Collection[str] = ()
) -> dict[str, str]:
    """Variant → its query, for about `share` of the queries, each decided for itself by the seed.

    A variant that is itself one of the queries, of `known` (normalised) or of the variants before
    it is dropped: its own judgments, or those of another query, would contradict it.

    Raises:
        TrainingError: `share` is outside [0, 1].

    """
    if not 0 <= share <= 1:
        raise TrainingError(
            "the share of misspelt queries is out of range",
            expected="0 to 1; the paper keeps 0.3 to 0.5",
            found=str(share),
        )
    asked = list(queries)
    taken = {normalise(query) for query in asked}.union(known)
    found: dict[str, str] = {}
    for query in asked:
        if Random(f"{seed}\0keep\0{normalise(query)}").random() >= share:
            continue
        variant = misspelt(query, seed)
        if variant is not None and variant not in taken:
            found[variant] = query
            taken.add(variant)
    return found


def misspelt_queries(
    graded: Mapping[str, T], share: float, seed: int, known: Collection[str] = ()
) -> dict[str, T]:
    """All of `graded`, then `share` of its queries misspelt, each with its query's judged list.

    Added beside the originals: replacing them costs recall (arXiv:2602.17654). `known` are further
    queries, those of the dev split above all, that no variant may equal. Raises as `variants_of`.
    """
    variants = variants_of(graded, share, seed, known)
    return {**graded, **{variant: graded[query] for variant, query in variants.items()}}


def _may_change(word: str, rng: Random) -> bool:
    letters = sum(_is_letter(letter) for letter in _letters(word))
    if letters < 2 or any(unicodedata.category(character)[0] == "N" for character in word):
        return False
    return letters >= LEAST_LETTERS or rng.random() < SHORT_CHANCE


def _wrong(word: str, slips: Sequence[Slip], rng: Random) -> Iterator[str]:
    """Every outcome of every slip at every place, in an order drawn as it goes."""
    letters = _letters(word)
    places = [place for place, letter in enumerate(letters) if _is_letter(letter)]
    latin = all(_is_latin(letters[place]) for place in places)
    fitting = [slip for slip in slips if latin or not slip.latin]
    for slip in _drawn(fitting, lambda slip: slip.weight, rng):
        for place in _drawn(places, lambda at: 1.0 if at > places[0] else _FIRST_WEIGHT, rng):
            outcomes = list(slip.variants(letters, place))
            rng.shuffle(outcomes)
            yield from ("".join(outcome) for outcome in outcomes)


def _drawn(values: Sequence[T], weight: Callable[[T], float], rng: Random) -> list[T]:
    """All values, one drawn after the other by weight (Efraimidis and Spirakis 2006)."""
    keys = [rng.random() ** (1 / weight(value)) for value in values]
    return [values[at] for at in sorted(range(len(values)), key=keys.__getitem__, reverse=True)]


def _letters(word: str) -> Letters:
    """The characters of a word, each with the combining marks after it."""
    found: list[str] = []
    for character in word:
        if found and unicodedata.category(character)[0] == "M":
            found[-1] += character
        else:
            found.append(character)
    return tuple(found)


def _is_letter(letter: str) -> bool:
    return letter[0].isalpha()


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter[0], "").startswith("LATIN")

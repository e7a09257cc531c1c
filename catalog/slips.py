"""A query with one letter wrong, as fingers slip: what a search is tested with.

One edit of one letter: left out, typed twice, swapped with the next, or its neighbour on the
keyboard in its place. Nothing by ear, and no list of common errors: an encoder that was trained on
such noise meets these slips as new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from catalog.keyboard import QWERTY, neighbours
from catalog.text import normalise

LEAST_LETTERS = 4  # shorter words stay right where the query has a longer one
T = TypeVar("T")
_NEAR = neighbours(QWERTY)


def with_a_slip(query: str, seed: int) -> str | None:
    """The normalised query with one slip in one word, the same for the same query and seed.

    Words with a digit or without two letters stay. None where nothing is left to go wrong: `42`.
    """
    text = normalise(query)
    rng = Random(f"{seed}\0{text}")
    words = text.split(" ")
    open_words = [at for at, word in enumerate(words) if len(word) > 1 and word.isalpha()]
    long_words = [at for at in open_words if len(words[at]) >= LEAST_LETTERS]
    for at in _shuffled(long_words or open_words, rng):
        for kind in _shuffled(_slips(words[at]), rng):
            for wrong in _shuffled(kind, rng):
                slipped = " ".join((*words[:at], wrong, *words[at + 1 :]))
                # Letters no longer parted may compose into another: not this one, then.
                if slipped != text and normalise(slipped) == slipped:
                    return slipped
    return None


def _slips(word: str) -> list[list[str]]:
    """All outcomes by kind, each kind as likely; the first letter, seldom missed, stays."""
    places = range(1, len(word))
    return [
        [word[:at] + word[at + 1 :] for at in places],
        [word[: at + 1] + word[at:] for at in places],
        [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in places[:-1]],
        [word[:at] + key + word[at + 1 :] for at in places for key in _NEAR.get(word[at], "")],
    ]


def _shuffled(values: Sequence[T], rng: Random) -> list[T]:
    return rng.sample(values, len(values))

"""Queries that mean nothing, to calibrate and to test what the engine makes of them.

An encoder gives every text a vector, and some product is always nearest. Where the lexical arm
knows none of the words, nothing else contradicts it: only a calibration that has seen nonsense can
tell that the nearest product is still no match. One known word among nonsense is hardly better: the
shopper asked for something else than that word alone. Nor are known words that have nothing to do
with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from catalog.text import normalise
from index.lexical import LexicalArm
from index.store import ProductStore

Rng = np.random.Generator

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_VOWELS, _CONSONANTS, _ENDINGS = "aeiou", "bcdfghjklmnpqrstvwxz", ("", "", "n", "r", "s")
_LETTERS, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
_TITLES = 300  # products whose titles lend words
_LEAST_LETTERS = 5
_PATIENCE = 200  # tries a query; a catalogue that knows every string of digits ends the search


def nonsense_queries(
    lexical: LexicalArm, count: int, seed: int, lent: Sequence[str] = ()
) -> list[str]:
    """`count` queries of one to four words without meaning, none of them in `lexical`.

    Kinds take turns: random letters, syllables that can be spoken, one row of the keyboard, codes
    of digits, and, if words are `lent`, their letters shuffled.
    """
    rng = np.random.default_rng(seed)
    kinds = _kinds(lent)

    def draw(number: int) -> str:
        kind = kinds[number % len(kinds)]
        return " ".join(kind(rng) for _ in range(1 + number // len(kinds) % 4))

    return _drawn(draw, lambda query: not lexical.known(lexical.analyser.query_terms(query)), count)


def half_known_queries(
    lexical: LexicalArm, count: int, seed: int, lent: Sequence[str]
) -> list[str]:
    """`count` queries of one to three words without meaning around one of the words `lent`.

    The word is one that `lexical` knows; empty if it knows none of them.
    """
    known = _known(lexical, lent)
    if not known:
        return []
    rng = np.random.default_rng(seed)
    kinds = _kinds(())

    def draw(number: int) -> str:
        kind = kinds[number % len(kinds)]
        words = [kind(rng) for _ in range(1 + number // len(kinds) % 3)]
        words.insert(int(rng.integers(len(words) + 1)), _pick(rng, known))
        return " ".join(words)

    return _drawn(draw, lambda query: bool(query), count)


def unrelated_queries(
    lexical: LexicalArm, count: int, seed: int, lent: Sequence[str], words: int = 4
) -> list[str]:
    """`count` queries of so many of the words `lent` that `lexical` knows, drawn at random.

    Hardly any product is about all of them; empty if it knows fewer words than that.
    """
    known = _known(lexical, lent)
    if len(known) < words:
        return []
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(known, words, replace=False)) for _ in range(count)]


def title_words(store: ProductStore, seed: int) -> list[str]:
    """Words of five letters or more from the titles of up to 300 products, drawn by `seed`."""
    rows = np.random.default_rng(seed).permutation(len(store))[:_TITLES].tolist()
    titles = (normalise(product.title).split() for product in store.products(rows))
    found = (word for title in titles for word in title)
    return list(
        dict.fromkeys(word for word in found if word.isalpha() and len(word) >= _LEAST_LETTERS)
    )


def _known(lexical: LexicalArm, words: Sequence[str]) -> list[str]:
    return [word for word in words if lexical.known(lexical.analyser.query_terms(word))]


def _drawn(draw: Callable[[int], str], fits: Callable[[str], bool], count: int) -> list[str]:
    found: list[str] = []
    for number in range(_PATIENCE * count):
        if len(found) == count:
            break
        query = draw(number)
        if fits(query):
            found.append(query)
    return found


def _kinds(lent: Sequence[str]) -> list[Callable[[Rng], str]]:
    kinds: list[Callable[[Rng], str]] = [_random_letters, _syllables, _keyboard, _code]
    if lent:
        kinds.append(lambda rng: _shuffled(rng, lent))
    return kinds


def _pick(rng: Rng, among: Sequence[str]) -> str:
    return among[int(rng.integers(len(among)))]


def _string(rng: Rng, letters: str, least: int, most: int) -> str:
    return "".join(_pick(rng, letters) for _ in range(int(rng.integers(least, most + 1))))


def _random_letters(rng: Rng) -> str:
    return _string(rng, _LETTERS, 3, 9)


def _syllables(rng: Rng) -> str:
    return "".join(
        _pick(rng, _CONSONANTS) + _pick(rng, _VOWELS) + _pick(rng, _ENDINGS)
        for _ in range(int(rng.integers(2, 5)))
    )


def _keyboard(rng: Rng) -> str:
    return _string(rng, _pick(rng, _ROWS), 4, 9)


def _code(rng: Rng) -> str:
    return _string(rng, _LETTERS, 0, 3) + _string(rng, _DIGITS, 5, 9)


def _shuffled(rng: Rng, lent: Sequence[str]) -> str:
    letters = list(_pick(rng, lent))
    rng.shuffle(letters)
    return "".join(letters)

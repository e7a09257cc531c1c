"""Words of a text: Unicode word boundaries (UAX #29), with a shop's deviations.

- The step between digit and letter separates: shops write `10oz` where shoppers write `10 oz`.
- Full stop, colon and underscore separate letters, as no sentence ends in a title.
- Scripts written without spaces (Han, kana, Hangul, Thai, Lao, Khmer, Burmese) come as overlapping
  pairs of characters, a lone character as itself; a product gives its single characters as well,
  so that a query of one character finds it.

A word is a run of letters with their marks, apostrophes inside (`levi's`), or a number, decimal
points inside (`1.5`). Everything else separates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

_ASCII = re.compile(r"[0-9]+(?:\.[0-9]+)*|[a-z]+(?:'[a-z]+)*")
# Apostrophes are one; what else shops paste most often separates, and leaves a text plain.
_PLAIN = str.maketrans(
    dict.fromkeys("\u2019\u02bc\u05f3\uff07", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2022\u201c\u201d\u2026\u00ae\u00b0", " ")
)
# Letters of these scripts stand together without a space between words.
_UNSPACED = (
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u30fc\u3005"
    r"\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}"
)


@cache
def _unicode() -> Any:
    import regex

    letter = rf"[\p{{L}}\p{{Nl}}--[{_UNSPACED}]]\p{{M}}*"
    unspaced = rf"(?:[[{_UNSPACED}]&&[\p{{L}}\p{{N}}\u30fc\u3005]]\p{{M}}*)"
    inside = "['\u00b7\u0387\u05f4]"  # Levi's, col·lecció, צה״ל
    return regex.compile(
        rf"(?P<number>\p{{Nd}}+(?:\.\p{{Nd}}+)*)|(?P<unspaced>{unspaced}+)"
        rf"|(?P<word>(?:{letter})+(?:{inside}(?:{letter})+)*)",
        regex.V1,
    )


@cache
def _characters() -> Any:
    import regex

    return regex.compile(r"\P{M}\p{M}*")


def words(normalised: str, *, singles: bool = False) -> list[str]:
    """The words of a normalised text in order; with `singles` single characters as well."""
    if normalised.isascii():
        return _ASCII.findall(normalised)
    plain = normalised.translate(_PLAIN)
    if plain.isascii():
        return _ASCII.findall(plain)
    found: list[str] = []
    for match in _unicode().finditer(plain):
        if match.lastgroup == "unspaced":
            found += _pairs(match[0], singles)
        else:
            found.append(match[0])
    return found


def spans(text: str) -> Iterator[tuple[int, int, bool]]:
    """Start, end and whether it is of a script without spaces, of each run in a text as written.

    A run of such a script holds several words, every other run is one.
    """
    for match in _unicode().finditer(text.translate(_PLAIN)):
        yield match.start(), match.end(), match.lastgroup == "unspaced"


def _pairs(run: str, singles: bool) -> list[str]:
    characters = _characters().findall(run)
    if len(characters) == 1:
        return characters  # type: ignore[no-any-return]
    pairs = [first + second for first, second in pairwise(characters)]
    return pairs + characters if singles else pairs


def is_unspaced(word: str) -> bool:
    """Whether a word is cut from a script that is written without spaces."""
    if word.isascii():
        return False
    match = _unicode().match(word)
    return match is not None and match.lastgroup == "unspaced"

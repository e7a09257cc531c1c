"""Accents off, where a shopper would leave them out."""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = re.compile(r"(?<=[a-z\u00df\u0250-\u03ff])[\u0300-\u036f]+")
_POINTS = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f]"
)
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "\u0131": "i", "æ": "ae", "œ": "oe"}  # no accent to take off
)


def without_accents(word: str) -> str:
    """A normalised word without the accents of Latin and Greek letters and without vowel points.

    `café` is `cafe`. Marks that make another letter stay: Cyrillic, kana, the scripts of India.
    """
    if word.isascii():
        return word
    bare = _POINTS.sub("", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS) or word

"""Text normalisation, the same for queries, products and every index."""

from __future__ import annotations

import unicodedata


class _Visible(dict[int, int | None]):
    """Table for `str.translate` that takes out what cannot be seen, filled as characters turn up.

    Category Cc holds controls, Cf invisible format characters (zero-width joiner, BOM, bidi marks),
    Cs halves of surrogate pairs. Shops paste them by accident; nobody searches for them. A control
    separates words, as the white space among them does; the others stand within words.
    """

    def __missing__(self, code: int) -> int | None:
        kind = unicodedata.category(chr(code))
        self[code] = {"Cc": ord(" "), "Cf": None, "Cs": None}.get(kind, code)
        return self[code]


_VISIBLE = _Visible()


def normalise(text: str) -> str:
    """Fold compatibility forms and case, drop invisible characters, squeeze white space.

    NFKC (so `ﬁ` is `fi` and full-width letters are plain), case folding, controls to spaces, format
    characters out, single spaces, stripped. Idempotent: `normalise(normalise(x)) ==
    normalise(x)`, which one round of NFKC and folding alone does not guarantee.
    """
    while (folded := _fold(text)) != text:
        text = folded
    return text


def _fold(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold().translate(_VISIBLE)
    return " ".join(text.split())

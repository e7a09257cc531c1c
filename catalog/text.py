"""Text normalisation, the same for queries, products and every index."""

from __future__ import annotations

import unicodedata


class _Visible(dict[int, int | None]):
    """Table for `str.translate` that drops what cannot be seen, filled as characters turn up.

    Categories Cc and Cf hold controls and invisible format characters (zero-width joiner, BOM,
    bidi marks), Cs halves of surrogate pairs. Shops paste them by accident; nobody searches for
    them. White space among the controls is kept: it separates words.
    """

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        visible = character.isspace() or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
        self[code] = code if visible else None
        return self[code]


_VISIBLE = _Visible()


def normalise(text: str) -> str:
    """Fold compatibility forms and case, drop invisible characters, squeeze white space.

    NFKC (so `ﬁ` is `fi` and full-width letters are plain), case folding, removal of control and
    format characters, single spaces, stripped. Idempotent: `normalise(normalise(x)) ==
    normalise(x)`, which one round of NFKC and folding alone does not guarantee.
    """
    while (folded := _fold(text)) != text:
        text = folded
    return text


def _fold(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold().translate(_VISIBLE)
    return " ".join(text.split())

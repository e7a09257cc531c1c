"""Text normalisation, the same for queries, products and every index."""

from __future__ import annotations

import re
import unicodedata

# Categories Cc and Cf hold controls and invisible format characters (zero-width joiner, BOM, bidi
# marks). Shops paste them by accident; nobody searches for them. White space among the controls is
# kept apart: it separates words.
_SPACE = re.compile(r"\s+")


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
    text = unicodedata.normalize("NFKC", text).casefold()
    visible = (
        character
        for character in text
        if character.isspace() or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
    )
    return _SPACE.sub(" ", "".join(visible)).strip()

"""What differs between languages, one row each."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.errors import CatalogError, QueryError
from index.words.stop_words import stop_words

# Code (ISO 639-1) -> Snowball algorithm. An empty name leaves words as they are.
_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian",
    "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "ja": "", "ko": "", "lt": "lithuanian",
    "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "th": "",
    "tr": "turkish", "zh": "",
}  # fmt: skip

# Writers join nouns at will here, so that a word nobody listed may still be made of known ones.
_COMPOUNDING = frozenset({"da", "de", "et", "fi", "hu", "nl", "no", "sv"})
_DECIMAL_POINT = frozenset({"en", "ga", "hi", "ja", "ko", "ne", "ta", "th", "zh"})
_SAME = {"nb": "no", "nn": "no", "in": "id"}

DEFAULT = "en"


@dataclass(frozen=True)
class Language:
    """`stemmer` names a Snowball algorithm or is empty; `decimal_comma`: `1,5` is one and a half.

    `compounding`: words are split by the catalogue's vocabulary without a hyphen or a space that
    shows where.
    """

    code: str
    stemmer: str
    stop_words: frozenset[str]
    compounding: bool
    decimal_comma: bool


def language(code: str) -> Language:
    """The row of a language, by its code (`de`) or tag (`de-AT`). Raises CatalogError."""
    primary = primary_code(code)
    if primary not in _STEMMERS:
        raise CatalogError(
            "there is no such language",
            expected=f"one of {', '.join(sorted(_STEMMERS))}",
            found=repr(code),
            hint="For another language take one that stems nothing and joins no words: th.",
        )
    return Language(
        primary,
        _STEMMERS[primary],
        stop_words(primary),
        primary in _COMPOUNDING,
        primary not in _DECIMAL_POINT,
    )


def primary_code(tag: str) -> str:
    """The language of a tag, region and script left out: `en` of `en-GB` and `EN_us`."""
    primary = tag.strip().lower().replace("_", "-").partition("-")[0]
    return _SAME.get(primary, primary)


def check_language(asked: str, spoken: str) -> None:
    """Raises QueryError unless the tag `asked` for is of the language that is `spoken`."""
    if primary_code(asked) != spoken:
        raise QueryError(
            "this is not the language of this index",
            where="lang",
            expected=spoken,
            found=repr(asked),
            hint="Leave lang out, or ask an index built with that language.",
        )

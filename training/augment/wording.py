"""Queries in the words of a product's own fields: what a shopper who wants it may type.

| template | example |
|---|---|
| `attribute type` | `red rain jacket` |
| `brand type` | `corvo rain jacket` |
| `type` | `rain jacket` |
| `attribute head` | `red storm jacket` |
| `brand head` | `corvo storm jacket` |
| `head` | `storm jacket` |

`type` is the deepest category, unless it is a shelf's name: several things (`Coats & Jackets`), a
slug (`soup-stew`), or long. `head` is the last two or three words of the title's first part, where
English has the noun, without brand and numbers; `attribute` is any short value. A template whose
parts the product lacks is left out, and a word that two parts share is written once.
"""

from __future__ import annotations

import re
from random import Random

from catalog.model import Product
from catalog.text import normalise

TEMPLATES: tuple[tuple[str, ...], ...] = (
    ("attribute", "type"),
    ("brand", "type"),
    ("type",),
    ("attribute", "head"),
    ("brand", "head"),
    ("head",),
)
_LONGEST_TYPE = 4  # words
_LONGEST_VALUE = 3
_SHELF = re.compile(r"[&/,>_]| and | or |\w\w-\w")
# Where a title's first part ends: what comes behind says how it is packed or what it is for.
_PART_ENDS = re.compile(r"[,;:|()\[\]–—]| - |\b(?:with|for|by|in|from|without)\b")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_AMOUNT = re.compile(r"\d+(?:\.\d+)?[a-z]*")


class TemplateQueries:
    """Queries of a product by every template that fits, in an order drawn by seed and product."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def queries(self, product: Product) -> list[str]:
        """Distinct normalised queries, none when the product has hardly a word to its name."""
        rng = Random(f"{self._seed}\0{normalise(product.id)}")
        parts = _parts(product, rng)
        fitting = [names for names in TEMPLATES if all(parts[name] for name in names)]
        rng.shuffle(fitting)
        return list(dict.fromkeys(_joined([parts[name] for name in names]) for names in fitting))


def head_words(title: str, brand: str, most: int) -> str:
    """At most `most` words from the end of the title's first part, brand and numbers left out."""
    text = normalise(title)
    own = normalise(brand)
    if own and text.startswith(f"{own} "):
        text = text[len(own) :]
    for part in _PART_ENDS.split(text):
        tokens = [token for token in part.split() if _WORD.fullmatch(token)][-most:]
        if tokens[:1] == ["and"]:
            del tokens[0]
        if tokens:
            return " ".join(tokens)
    return ""


def _parts(product: Product, rng: Random) -> dict[str, str]:
    values = [value for value in map(normalise, product.attributes.values()) if _is_short(value)]
    return {
        "type": _type(product),
        "head": head_words(product.title, product.brand, rng.choice((2, 3))),
        "brand": normalise(product.brand),
        "attribute": rng.choice(values) if values else "",
    }


def _is_short(value: str) -> bool:
    tokens = value.split()
    return 0 < len(tokens) <= _LONGEST_VALUE and all(
        _WORD.fullmatch(token) or _AMOUNT.fullmatch(token) for token in tokens
    )


def _type(product: Product) -> str:
    deepest = normalise(product.category[-1]) if product.category else ""
    if _SHELF.search(deepest) or len(deepest.split()) > _LONGEST_TYPE:
        return ""
    return deepest


def _joined(parts: list[str]) -> str:
    return " ".join(dict.fromkeys(" ".join(parts).split()))

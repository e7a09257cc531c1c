"""Lexical analysis: text in, stemmed terms out; the same for products and queries.

Normalise, split into words, set English stop words apart, stem with Snowball. Numbers are words:
sizes and models matter in a shop.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import Stemmer

from catalog.text import normalise

MAX_QUERY_TERMS = 64

# A word is a run of letters, with apostrophes inside (`levi's`), or a number, with decimal points
# inside (`1.5`). Everything else separates, and so does the step between digit and letter: shops
# write `10oz` where shoppers write `10 oz`.
_WORD = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")
_CURLY = str.maketrans({"\u2019": "'", "\u02bc": "'"})

STOP_WORDS = frozenset(
    """
    a an and are as at be but by for from has have if in into is it its my no not of on or our such
    that the their then there these they this to was we were will with you your
    """.split()  # noqa: SIM905, a list of fifty quoted words reads worse
)

_stemmer = Stemmer.Stemmer("english", 0)


@lru_cache(maxsize=1 << 17)
def stem(word: str) -> str:
    """The Snowball (English) stem of one normalised word."""
    stemmed: str = _stemmer.stemWord(word)
    return stemmed


def words(text: str) -> list[str]:
    """The normalised words of `text` in order, stop words included, not stemmed."""
    return _WORD.findall(normalise(text).translate(_CURLY))


@dataclass(frozen=True)
class QueryTerms:
    """What the lexical arm looks for.

    `counts` holds each distinct term with its number of occurrences in the query, sorted by term:
    sums over terms run in this order everywhere. `dropped` counts the words beyond the first 64.
    """

    counts: tuple[tuple[str, int], ...]
    dropped: int = 0


def query_terms(text: str) -> QueryTerms:
    """Terms of a query: stop words only if it has nothing else, the first 64 words at most."""
    every = words(text)
    kept = [word for word in every if word not in STOP_WORDS] or every
    counts = Counter(stem(word) for word in kept[:MAX_QUERY_TERMS])
    return QueryTerms(tuple(sorted(counts.items())), max(0, len(kept) - MAX_QUERY_TERMS))

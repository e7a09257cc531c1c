"""English words as an index reads them when nothing was learnt from a catalogue.

An index has a reading of its own, with its language, compounds and synonyms: `LexicalIndex.
analyser`. What speaks of one index asks that one.
"""

from __future__ import annotations

from functools import cache

from index.words.analyser import Analyser
from index.words.stop_words import stop_words
from index.words.terms import MAX_QUERY_TERMS, QueryTerms

__all__ = [
    "MAX_QUERY_TERMS",
    "STOP_WORDS",
    "QueryTerms",
    "english",
    "query_terms",
    "stem",
    "words",
]

STOP_WORDS = stop_words("en")


@cache
def english() -> Analyser:
    """The reading itself."""
    return Analyser()


def stem(word: str) -> str:
    """The Snowball (English) stem of one normalised word."""
    return english().stem(word)


def words(text: str) -> list[str]:
    """The normalised words of `text` in order, stop words included, not stemmed."""
    return english().words(text)


def query_terms(text: str) -> QueryTerms:
    """Terms of a query: stop words only if it has nothing else, the first 64 words at most."""
    return english().query_terms(text)

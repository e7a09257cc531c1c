"""Making the suggestions of an index."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from catalog.model import Product
from index.lexical import LexicalArm
from index.spelling.dictionary import Dictionary
from index.spelling.speller import Speller
from index.suggest.entries import entries_of
from index.suggest.table import save


def write_suggestions(
    directory: Path,
    products: Iterable[Product],
    queries: Iterable[tuple[str, float]],
    lexical: LexicalArm,
    dictionary: Dictionary,
) -> int:
    """Write all entries into a new directory; how many there are.

    A logged query with a word that the catalogue lacks, or that would be corrected, is not offered.
    """
    speller = Speller.over(dictionary, lexical)

    def finds(query: str) -> bool:
        counts = lexical.analyser.query_terms(query).counts
        known = all(lexical.document_frequency(term) for term, _ in counts)
        return bool(counts) and known and not speller.correct(query)[1]

    entries = entries_of(products, queries, finds)
    save(entries, directory)
    return len(entries)

"""What is looked for besides the query's vector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from export.likeness import AskedSubwords

MAX_QUERY_TERMS = 64


@dataclass(frozen=True)
class QueryTerms:
    """Each distinct term with its number of occurrences in the query, sorted by term.

    Sums over terms run in this order everywhere. A synonym group is one term. `unwanted` are the
    terms of what the query does not want, likewise (`index.words.unwanted`). `dropped` counts the
    terms beyond the first 64. `subwords` are what late interaction reads, None without it.
    """

    counts: tuple[tuple[str, int], ...]
    dropped: int = 0
    unwanted: tuple[tuple[str, int], ...] = ()
    subwords: AskedSubwords | None = field(default=None, compare=False)


def counted(terms: Sequence[str], unwanted: Sequence[str] = ()) -> QueryTerms:
    """The first 64 of a query's terms, counted; those that are `unwanted` count last."""
    room = max(0, MAX_QUERY_TERMS - len(terms))
    sides = (Counter(terms[:MAX_QUERY_TERMS]), Counter(unwanted[:room]))
    counts, against = (tuple(sorted(side.items())) for side in sides)
    return QueryTerms(counts, max(0, len(terms) + len(unwanted) - MAX_QUERY_TERMS), against)

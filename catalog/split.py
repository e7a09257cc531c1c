"""Queries cut into two sets by their own hash: the same on every machine and in every order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from catalog.text import normalise


def query_hash(query: str) -> str:
    """The name of a query in records of what trained an encoder: 16 hexadecimal digits.

    Sha256 of the normalised query, cut; two spellings of one normal form share it.
    """
    return hashlib.sha256(_utf8(normalise(query))).hexdigest()[:16]


def split_queries(
    queries: Iterable[str], fraction: float, seed: int = 0
) -> tuple[list[str], list[str]]:
    """Part distinct queries into (rest, held out), each in the order of `queries`.

    Held out are the `round(fraction * n)` of the n normal forms whose seeded hash is smallest, and
    at least one of each side when 0 < fraction < 1 and n >= 2. The order of the input does not
    matter, a few queries more or fewer move only those at the border, and spellings of one normal
    form stay together.

    Raises:
        ValueError: `fraction` is outside [0, 1].

    """
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"fraction must be in [0, 1], not {fraction}")
    distinct = list(dict.fromkeys(queries))
    forms = {query: normalise(query) for query in distinct}
    ranked = sorted(set(forms.values()), key=lambda form: (_seeded(form, seed), form))
    count = round(fraction * len(ranked))
    if 0.0 < fraction < 1.0 and len(ranked) >= 2:
        count = min(max(count, 1), len(ranked) - 1)
    chosen = set(ranked[:count])
    rest = [query for query in distinct if forms[query] not in chosen]
    return rest, [query for query in distinct if forms[query] in chosen]


def _seeded(form: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0".encode() + _utf8(form)).digest()


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

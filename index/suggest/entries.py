"""What may be offered, in the order of popularity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from math import log1p
from typing import Any, Literal, get_args

from catalog.model import Product
from catalog.text import normalise

Kind = Literal["query", "category", "product"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# What a kind's most popular entry is worth: a query leads to many products, a product to itself.
_WORTH: dict[Kind, float] = {"query": 1.0, "category": 0.9, "product": 0.8}
MOST_CHARACTERS = 200


@dataclass(frozen=True)
class Entry:
    """One offer. `weight` is the count of a query, the products of a category, a popularity.

    `id` names a product, `path` is that of a category.
    """

    text: str
    kind: Kind
    weight: float
    id: str = ""
    path: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The text as it is typed."""
        return normalise(self.text)

    def record(self) -> dict[str, Any]:
        """The entry as JSON values, without what it lacks."""
        return {name: value for name, value in asdict(self).items() if value or name == "weight"}


def entries_of(
    products: Iterable[Product],
    queries: Iterable[tuple[str, float]],
    finds: Callable[[str], bool],
) -> list[Entry]:
    """All entries, the most popular first.

    A logged query is offered when it `finds` something. Of products with one title the most popular
    stands for all. Kinds are made comparable by the logarithm of their weights, against the largest
    of the kind.
    """
    found = {(entry.kind, entry.key): entry for entry in _of_queries(queries, finds)}
    categories: Counter[tuple[str, ...]] = Counter()
    for product in products:
        for level in range(1, len(product.category) + 1):
            categories[product.category[:level]] += 1
        entry = Entry(
            product.title[:MOST_CHARACTERS], "product", product.popularity or 0.0, product.id
        )
        best = found.setdefault((entry.kind, entry.key), entry)
        if entry.weight > best.weight:
            found[entry.kind, entry.key] = entry
    for path, count in categories.items():
        entry = Entry(path[-1][:MOST_CHARACTERS], "category", float(count), path=path)
        found["category", normalise(" > ".join(path))] = entry
    largest = {kind: 0.0 for kind in KINDS}
    for entry in found.values():
        largest[entry.kind] = max(largest[entry.kind], entry.weight)

    def order(entry: Entry) -> tuple[float, int, str, tuple[str, ...], str]:
        most = largest[entry.kind]
        share = log1p(entry.weight) / log1p(most) if most else 0.0
        return -_WORTH[entry.kind] * share, KINDS.index(entry.kind), entry.key, entry.path, entry.id

    return sorted((entry for entry in found.values() if entry.key), key=order)


def _of_queries(
    queries: Iterable[tuple[str, float]], finds: Callable[[str], bool]
) -> Iterator[Entry]:
    counts: Counter[str] = Counter()
    for query, weight in queries:
        counts[normalise(query)] += weight  # type: ignore[assignment]
    for query, weight in counts.items():
        if weight > 0 and len(query) <= MOST_CHARACTERS and finds(query):
            yield Entry(query, "query", float(weight))

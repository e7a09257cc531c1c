"""The searches of a log that an audit looks at, and where each of them showed what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from catalog.text import normalise
from catalog.ubi import LoggedEvent, LoggedQuery


class Searches:
    """Searches for the normalised queries in `asked`, by id; the first of equal ids counts.

    What a search showed is what its `impression` events say if the log has any at all, else its
    hits. `period` is the first and last time of a search, None where no time is logged.
    """

    def __init__(self, queries: Iterable[LoggedQuery], asked: Collection[str]) -> None:
        self._found: dict[str, tuple[str, tuple[str, ...], int]] = {}
        self._impressions: dict[str, dict[str, int]] = {}
        self.period: tuple[datetime, datetime] | None = None
        one: dict[str, str] = {}  # one object for each id and query, which repeat by the million
        for logged in queries:
            query = normalise(logged.query)
            if query in asked and logged.query_id not in self._found:
                hits = tuple(one.setdefault(product, product) for product in logged.hits)
                query = one.setdefault(query, query)
                self._found[logged.query_id] = query, hits, logged.offset
                self._extend_period(logged.timestamp)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __contains__(self, query_id: str) -> bool:
        return query_id in self._found

    def query(self, query_id: str) -> str:
        """The normalised query of a search."""
        return self._found[query_id][0]

    def see(self, event: LoggedEvent) -> None:
        """Note an impression; of several of one product in one search the first counts."""
        place = event.position or self._hit(event.query_id, event.product_id)
        if place is not None:
            seen = self._impressions.setdefault(event.query_id, {})
            seen.setdefault(event.product_id, place)

    def shown(self, query_id: str) -> dict[str, int]:
        """Product → position, from 1, of all that a search showed."""
        if self._impressions:
            return self._impressions.get(query_id, {})
        places: dict[str, int] = {}
        _, hits, offset = self._found[query_id]
        for position, product in enumerate(hits, start=offset + 1):
            places.setdefault(product, position)
        return places

    def place(self, query_id: str, product_id: str) -> int | None:
        """Where a search showed a product, None if nothing says that it did."""
        if self._impressions:
            return self._impressions.get(query_id, {}).get(product_id)
        return self._hit(query_id, product_id)

    def _hit(self, query_id: str, product_id: str) -> int | None:
        _, hits, offset = self._found[query_id]
        return offset + hits.index(product_id) + 1 if product_id in hits else None

    def _extend_period(self, when: datetime | None) -> None:
        if when is not None:
            first, last = self.period or (when, when)
            self.period = min(first, when), max(last, when)

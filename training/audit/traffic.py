"""A behaviour log added up: how often each pair was shown at which position, and what followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from catalog.ubi import Action, LoggedEvent, LoggedQuery
from training.audit.searches import Searches
from training.audit.settings import AuditSettings

Pair = tuple[str, str]  # normalised query, product id
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DEEDS = ("clicks", "stays", "carts", "orders")


@dataclass(frozen=True)
class Traffic:
    """Counts by pair (n) and by place (m), a place being a pair at one position.

    Attributes:
        row: pair → its row in the arrays of pairs.
        place_row: (m,) int64, row of the pair of each place.
        position: (m,) int64, from 1 to `depth`.
        shown: (m,) int64 from 1, how often the pair was shown there.
        clicked: (m,) int64, how often something followed, a click or more; at most `shown`.
        value: (n,) float64, sum over showings of the weight of the strongest deed.
        deeds: name of DEEDS → (n,) int64, showings with that deed.
        clients: (n,) int64, different clients that did anything.
        searches: how many searches of the queries asked for.
        unplaced: deeds left out because nothing says where the product stood.
        period: first and last time of a search.

    """

    row: Mapping[Pair, int]
    place_row: Ints
    position: Ints
    shown: Ints
    clicked: Ints
    value: Floats
    deeds: Mapping[str, Ints]
    clients: Ints
    searches: int
    unplaced: int
    period: tuple[datetime, datetime] | None


def gather(
    queries: Iterable[LoggedQuery],
    events: Iterable[LoggedEvent],
    asked: Collection[str],
    settings: AuditSettings,
) -> Traffic:
    """Add up the log for the normalised queries in `asked`; other searches are passed over.

    A search counts once for a product, whatever happens how often, with the weight of its strongest
    deed. A deed on a product that was not shown counts as a showing at the event's own position;
    without one it is left out. What lies below `depth` counts as not shown. The searches asked for
    are held in memory while events stream by.
    """
    searches = Searches(queries, asked)
    deeds: dict[tuple[str, str], _Deed] = {}
    for event in events:
        if event.query_id not in searches:
            continue
        if event.action is Action.IMPRESSION:
            searches.see(event)
            continue
        client = event.client_id or event.session_id or event.query_id
        deed = deeds.setdefault((event.query_id, event.product_id), _Deed(client, event.position))
        deed.kinds |= _kinds(event, settings)
    sums = _Sums(settings)
    for query_id in searches:
        query = searches.query(query_id)
        for product, position in searches.shown(query_id).items():
            sums.show((query, product), position)
    for (query_id, product), deed in deeds.items():
        shown_at = searches.place(query_id, product)
        sums.do((searches.query(query_id), product), deed, shown_at)
    return sums.traffic(searches)


@dataclass(slots=True)
class _Deed:
    """What one search led to with one product."""

    client: str
    position: int | None
    kinds: frozenset[str] = frozenset()


def _kinds(event: LoggedEvent, settings: AuditSettings) -> frozenset[str]:
    """Names of DEEDS; whatever was done, something was, so `clicks` is always there."""
    kinds = {"clicks"}
    if event.dwell_time is not None and event.dwell_time >= settings.long_stay:
        kinds.add("stays")
    if event.action in (Action.CART, Action.ORDER):
        kinds.add("carts" if event.action is Action.CART else "orders")
    return frozenset(kinds)


@dataclass
class _Sums:
    settings: AuditSettings
    shown: Counter[tuple[Pair, int]] = field(default_factory=Counter)
    clicked: Counter[tuple[Pair, int]] = field(default_factory=Counter)
    value: dict[Pair, float] = field(default_factory=dict)
    deeds: Counter[tuple[Pair, str]] = field(default_factory=Counter)
    clients: dict[Pair, set[str]] = field(default_factory=dict)
    unplaced: int = 0

    def show(self, pair: Pair, position: int) -> None:
        if position <= self.settings.depth:
            self.shown[pair, position] += 1

    def do(self, pair: Pair, deed: _Deed, shown_at: int | None) -> None:
        position = shown_at or deed.position
        if position is None:
            self.unplaced += 1
        elif position <= self.settings.depth:
            if shown_at is None:
                self.show(pair, position)
            self.clicked[pair, position] += 1
            weight = max(self._weights[kind] for kind in deed.kinds)
            self.value[pair] = self.value.get(pair, 0.0) + weight
            self.deeds.update((pair, kind) for kind in deed.kinds)
            self.clients.setdefault(pair, set()).add(deed.client)

    @property
    def _weights(self) -> Mapping[str, float]:
        s = self.settings
        return {"clicks": s.click, "stays": s.stay, "carts": s.cart, "orders": s.order}

    def traffic(self, searches: Searches) -> Traffic:
        row: dict[Pair, int] = {}
        for pair, _ in self.shown:
            row.setdefault(pair, len(row))
        places = list(self.shown)
        return Traffic(
            row=row,
            place_row=np.array([row[pair] for pair, _ in places], np.int64),
            position=np.array([position for _, position in places], np.int64),
            shown=np.array([self.shown[place] for place in places], np.int64),
            clicked=np.array([self.clicked[place] for place in places], np.int64),
            value=np.array([self.value.get(pair, 0.0) for pair in row], np.float64),
            deeds={
                kind: np.array([self.deeds[pair, kind] for pair in row], np.int64) for kind in DEEDS
            },
            clients=np.array([len(self.clients.get(pair, ())) for pair in row], np.int64),
            searches=len(searches),
            unplaced=self.unplaced,
            period=searches.period,
        )

"""What shoppers of the made-up shop did: simulated searches, clicks, carts and orders.

A shopper's click is drawn from the **true** grade, as the policy gives it, and from everything that
makes clicks a poor label: where the product stood, how it looks, slips of the finger, robots.

- **Shown**: the `PAGE` judged products with the highest grade/2 + a + b; a ~ N(0, `LASTING`) is
  fixed for query and product, b ~ N(0, `PASSING`) is new in each search. A shop's ranking is
  neither perfect nor always the same.
- **Examined**: the product at position k with probability k^-`EXAMINED` (a position-based model).
- **Clicked** if examined: with `CLICKED[grade]` · e^z, at most `MOST_CLICKED`; z ~ N(0, `APPEAL`)
  is the product's looks, fixed for query and product. Besides, every product shown is clicked by
  mistake with probability `SLIP`.
- **Stayed**: log-normal seconds around `STAYED[grade]`. **Cart** with `CARTED[grade]` after a
  click, **order** with `ORDERED` after a cart. What follows a mistake is what follows a look at
  grade 0.
- **Robots**: a share `ROBOTS` of sessions clicks each product shown with `ROBOT_CLICKS`.

Queries are drawn by their frequency. All constants are ours; none is fitted to a real shop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

from catalog.demo.shop import DemoShop
from catalog.model import Grade, Judgment
from catalog.ubi import Action, LoggedEvent, LoggedQuery

PAGE = 20
LASTING, PASSING = 0.5, 0.3
EXAMINED = 0.7
CLICKED = {Grade.IRRELEVANT: 0.02, Grade.SUBSTITUTE: 0.08, Grade.EXACT: 0.2}
APPEAL, MOST_CLICKED = 0.35, 0.95
SLIP = 0.002
STAYED = {Grade.IRRELEVANT: 8.0, Grade.SUBSTITUTE: 25.0, Grade.EXACT: 50.0}
CARTED = {Grade.IRRELEVANT: 0.01, Grade.SUBSTITUTE: 0.08, Grade.EXACT: 0.25}
ORDERED = 0.4
ROBOTS, ROBOT_CLICKS = 0.01, 0.15
_CANDIDATES = 60  # products of a query that can reach the page at all
_CLIENTS, _ROBOT_CLIENTS = 50_000, 20
_START = datetime(2026, 1, 5, tzinfo=UTC)
_GAP = 4.0  # mean seconds between searches of the shop
_SEARCHES_OF_A_SESSION = (1, 1, 2, 3)


@dataclass(frozen=True)
class _Listing:
    """What may be shown for a query, best first; `clicked` is the chance of a click if examined."""

    query: str
    ids: tuple[str, ...]
    grades: tuple[Grade, ...]
    scores: tuple[float, ...]
    clicked: tuple[float, ...]


@dataclass(frozen=True)
class _Session:
    client_id: str
    session_id: str
    robot: bool


def simulate(
    shop: DemoShop, searches: int, seed: int
) -> Iterator[tuple[LoggedQuery, tuple[LoggedEvent, ...]]]:
    """Yield each search of the log with its events; fewer searches are the beginning of more."""
    rng = Random(f"{seed}:engagement")
    pools: dict[str, list[Judgment]] = {query.text: [] for query in shop.queries}
    for judgments in shop.judgments.values():
        for judgment in judgments:
            pools[judgment.query].append(judgment)
    weights = list(accumulate(query.frequency for query in shop.queries))
    listings: dict[str, _Listing] = {}
    made, seconds = 0, 0.0
    while made < searches:
        session = _session(made, rng)
        for _ in range(min(rng.choice(_SEARCHES_OF_A_SESSION), searches - made)):
            made += 1
            seconds += rng.expovariate(1 / _GAP)
            text = rng.choices(shop.queries, cum_weights=weights)[0].text
            if text not in listings:
                listings[text] = _listing(text, pools[text], Random(f"{seed}:listing:{text}"))
            yield _search(f"q{made}", listings[text], session, seconds, rng)


def _session(number: int, rng: Random) -> _Session:
    robot = rng.random() < ROBOTS
    client = rng.randrange(_ROBOT_CLIENTS if robot else _CLIENTS)
    return _Session(f"{'r' if robot else 'c'}{client}", f"s{number + 1}", robot)


def _listing(query: str, pool: Sequence[Judgment], rng: Random) -> _Listing:
    drawn = []
    for judgment in pool:
        score = judgment.grade.gain + rng.gauss(0, LASTING)
        clicked = CLICKED[judgment.grade] * math.exp(rng.gauss(0, APPEAL))
        drawn.append((-score, judgment.product_id, judgment.grade, min(clicked, MOST_CLICKED)))
    best = sorted(drawn)[:_CANDIDATES]
    return _Listing(
        query,
        tuple(product_id for _, product_id, _, _ in best),
        tuple(grade for _, _, grade, _ in best),
        tuple(-negated for negated, _, _, _ in best),
        tuple(clicked for _, _, _, clicked in best),
    )


def _search(
    query_id: str, listing: _Listing, session: _Session, seconds: float, rng: Random
) -> tuple[LoggedQuery, tuple[LoggedEvent, ...]]:
    moved = [score + rng.gauss(0, PASSING) for score in listing.scores]
    page = sorted(range(len(moved)), key=lambda place: (-moved[place], place))[:PAGE]
    asked, events = _time(seconds), list[LoggedEvent]()
    for position, place in enumerate(page, start=1):
        grade = _clicked(listing, place, position, session, rng)
        if grade is not None:
            seconds += 1 + 4 * rng.random()
            visit = _visit(grade, rng)
            for action, later, dwell_time in visit:
                events.append(
                    LoggedEvent(
                        action,
                        query_id,
                        listing.ids[place],
                        position,
                        dwell_time,
                        session.client_id,
                        session.session_id,
                        _time(seconds + later),
                    )
                )
            seconds += visit[-1][1]
    hits = tuple(listing.ids[place] for place in page)
    return LoggedQuery(query_id, listing.query, hits, session.client_id, asked), tuple(events)


def _clicked(
    listing: _Listing, place: int, position: int, session: _Session, rng: Random
) -> Grade | None:
    """The grade by which the visit goes on, None without a click."""
    if session.robot:
        return Grade.IRRELEVANT if rng.random() < ROBOT_CLICKS else None
    if rng.random() < position**-EXAMINED * listing.clicked[place]:
        return listing.grades[place]
    return Grade.IRRELEVANT if rng.random() < SLIP else None


def _visit(grade: Grade, rng: Random) -> list[tuple[Action, float, float | None]]:
    """(action, seconds after the click, dwell time) of each event of a visit, in order."""
    stayed = round(rng.lognormvariate(math.log(STAYED[grade]), 0.8), 1)
    visit: list[tuple[Action, float, float | None]] = [(Action.CLICK, 0.0, None)]
    carted = rng.random() < CARTED[grade]
    if carted:
        visit.append((Action.CART, stayed * 0.9, None))
    visit.append((Action.DWELL, stayed, stayed))
    if carted and rng.random() < ORDERED:
        visit.append((Action.ORDER, stayed + 60, None))
    return visit


def _time(seconds: float) -> datetime:
    return _START + timedelta(milliseconds=round(seconds * 1000))

"""The members of a result set as they are listed: tier by tier, pins first, one a group.

Default order is relevance, then score, then product id. A sort reorders within tiers, and so do
the tie-breaks for stock and popularity, which outweigh no more relevance than their bound. All
orders are total, so a page is a window on one list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from index.candidates import Candidates
from index.filtering.columns import Column
from index.grouping import first_of_groups
from index.page import Ranking
from index.request import Group
from index.sorting import SortKey

Rows = NDArray[np.int64]
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Wanted:
    """How to list: by `sort` or, without it, by relevance and rules; rows pinned and buried.

    `bonus` (products,) float64 is what a product's stock and popularity are worth, `group` the
    column whose values stand for one product.
    """

    sort: tuple[SortKey, ...] = ()
    bonus: NDArray[np.float64] | None = None
    pinned: tuple[int, ...] = ()
    buried: tuple[int, ...] = ()
    group: Column | None = None


@dataclass(frozen=True)
class Listing:
    """Places into the candidates: `members` all that pass, `shown` as listed, one a group.

    `pinned` and `buried` are rows that a rule put where they are; `groups` go with `shown`.
    """

    members: Places
    shown: Places
    groups: tuple[Group, ...] = ()
    pinned: frozenset[int] = frozenset()
    buried: frozenset[int] = frozenset()

    def rule_of(self, row: int) -> Literal["pinned", "buried"] | None:
        """`pinned`, `buried` or None."""
        return "pinned" if row in self.pinned else "buried" if row in self.buried else None


def listing(
    found: Candidates, ranking: Ranking, ranks: NDArray[np.int64], wanted: Wanted
) -> Listing:
    """The listing of R, from the members that pass the cut and those pinned."""
    order = ranking.order
    if wanted.sort or wanted.bonus is not None:
        order = _reordered(found, ranking, ranks, wanted)
    first, last = _places(found, wanted.pinned), _places(found, wanted.buried)
    if len(first) or len(last):
        last = last[np.isin(last, order)]
        middle = order[~np.isin(order, np.concatenate((first, last)))]
        order = np.concatenate((first, middle, last))
    pinned = frozenset(found.rows[first].tolist())
    buried = frozenset(found.rows[last].tolist())
    if wanted.group is None:
        return Listing(order, order, (), pinned, buried)
    heads, sizes, values = first_of_groups(wanted.group, found.rows[order])
    groups = tuple(map(Group, values, sizes.tolist()))
    return Listing(order, order[heads], groups, pinned, buried)


def _reordered(
    found: Candidates, ranking: Ranking, ranks: NDArray[np.int64], wanted: Wanted
) -> Places:
    passing = ranking.order
    rows = found.rows[passing]
    relevance = ranking.relevance[passing]
    if wanted.bonus is not None:
        relevance = (relevance + wanted.bonus.take(rows)).round(6)
    # np.lexsort takes its keys from the least to the most important.
    keys = [
        ranks.take(rows),
        -found.scores[passing],
        -relevance,
        *(key.of(rows) for key in reversed(wanted.sort)),
        -ranking.grades[passing],
    ]
    return passing[np.lexsort(keys)]


def _places(found: Candidates, rows: Sequence[int]) -> Places:
    places = [place for row in rows for place in (found.rows == row).nonzero()[0].tolist()]
    return np.array(places, np.int64)

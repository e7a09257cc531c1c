"""Orders a shopper may ask for, always within a tier: `price:asc`, `rating`, `newest`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.errors import QueryError
from index.filtering.columns import Column, Columns

MAX_KEYS = 3
RELEVANCE = "relevance"
NEWEST = "newest"
# What a shopper means by a bare name: the cheapest first, the best, the most bought.
_RISING = {"price"}


@dataclass(frozen=True, eq=False)
class SortKey:
    """One column to order by, its values rising or falling; products without one come last."""

    column: Column
    descending: bool

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(len(rows),) float64 that rises in the order asked for, +inf for no value."""
        values = self.column.single(rows)
        return np.where(np.isnan(values), np.inf, -values if self.descending else values)


def sort_keys(asked: Sequence[str], columns: Columns) -> tuple[SortKey, ...]:
    """The keys that `FIELD`, `FIELD:asc` or `FIELD:desc` name; none for `relevance` alone.

    Raises QueryError for an unknown field, one that has no order, or a wrong direction.
    """
    if len(asked) > MAX_KEYS:
        raise _wrong("there are too many keys", f"at most {MAX_KEYS}", str(len(asked)))
    if any(key.partition(":")[0] == RELEVANCE for key in asked):
        if len(asked) > 1:
            raise _wrong(f"{RELEVANCE} stands alone: it orders what other keys leave equal")
        if asked[0] not in {RELEVANCE, f"{RELEVANCE}:desc"}:
            raise _wrong(f"{RELEVANCE} only falls", RELEVANCE, repr(asked[0][:60]))
        return ()
    return tuple(_key(each, columns) for each in asked)


def _key(asked: str, columns: Columns) -> SortKey:
    name, _, direction = asked.partition(":")
    if direction not in {"", "asc", "desc"} or asked.endswith(":"):
        raise _wrong("there is no such direction", "asc or desc", repr(direction[:40]))
    if name == NEWEST and columns.find(name) is None:
        name = _date_column(columns)
        direction = {"": "desc", "asc": "desc", "desc": "asc"}[direction]
    column = columns.find(name)
    ordered = columns.names("number", "date", "boolean")
    if column is None or column.kind == "keyword":
        near = columns.alike(name)
        what = "there is no field" if column is None else "texts have no order, so not by"
        raise _wrong(
            f"{what} {name[:60]!r}",
            f"one of {RELEVANCE}, {', '.join(ordered[:30])}",
            hint=f"Did you mean {near}?" if column is None and near in ordered else "",
        )
    if column.many:
        raise _wrong(f"products have several values of {name!r}", "a field with one value each")
    return SortKey(column, direction == "desc" or (direction == "" and name not in _RISING))


def _date_column(columns: Columns) -> str:
    dates = columns.names("date")
    if len(dates) != 1:
        raise _wrong(
            f"{NEWEST} needs one date column, this index has {len(dates)}",
            f"one of {', '.join(dates)}" if dates else "a date column declared in the layout",
        )
    return dates[0]


def _wrong(what: str, expected: str = "", found: str = "", hint: str = "") -> QueryError:
    return QueryError(what, where="sort", expected=expected, found=found, hint=hint)

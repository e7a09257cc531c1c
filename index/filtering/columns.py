"""Typed columns of an index: which values each product has, by row.

A column lists pairs of row and value, rows ascending; a row without a value is absent and one with
several values is there several times. Texts are numbered; equal but for case and Unicode form, they
have one number and are shown in their most common spelling.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.typed import ATTRIBUTE, Kind

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Column:
    """One column of an index of `products` rows.

    `rows` (k,) int32 ascending and `values` (k,): int32 numbers of `labels` for a keyword, else
    float64: the number, 0 or 1, or seconds since 1970 UTC. `keys` are the labels normalised.
    """

    name: str
    kind: Kind
    products: int
    rows: NDArray[np.int32]
    values: NDArray[Any]
    labels: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @cached_property
    def number_of(self) -> Mapping[str, int]:
        """Number of each normalised text."""
        return {key: number for number, key in enumerate(self.keys)}

    @cached_property
    def many(self) -> bool:
        """Whether any product has several values."""
        return bool((np.diff(self.rows) == 0).any())

    @cached_property
    def complete(self) -> bool:
        """Whether every product has exactly one value, so that row r stands at place r."""
        return len(self.rows) == self.products and not self.many

    def mask(self, chosen: Mask | None = None) -> Mask:
        """Products with a value, or with one of those `chosen` (k,) by place; (products,)."""
        if self.complete and chosen is not None:
            return chosen
        mask = np.zeros(self.products, np.bool_)
        mask[self.rows if chosen is None else self.rows[chosen]] = True
        return mask

    def of(self, rows: Rows) -> tuple[Rows, NDArray[Any]]:
        """Values of `rows`, in their order: (place in `rows`, value) of each."""
        if self.complete:
            return np.arange(len(rows)), self.values.take(rows)
        wanted = rows.astype(self.rows.dtype)
        first = self.rows.searchsorted(wanted, "left")
        counts = self.rows.searchsorted(wanted, "right") - first
        places = np.repeat(np.arange(len(rows)), counts)
        steps = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        return places, self.values.take(np.repeat(first, counts) + steps)

    def restricted(self, rows: Rows) -> Column:
        """The column of an index of just `rows`, ascending."""
        places, values = self.of(rows)
        own = places.astype(np.int32)
        return Column(self.name, self.kind, len(rows), own, values, self.labels, self.keys)

    def single(self, rows: Rows) -> NDArray[np.float64]:
        """One value of each of `rows` as float64, NaN for none; the least where there are many."""
        places, values = self.of(rows)
        found = np.full(len(rows), np.nan)
        np.fmin.at(found, places, values.astype(np.float64))
        return found


class Columns:
    """All columns of an index by name. Immutable; safe to share between threads."""

    def __init__(self, products: int, columns: Iterable[Column]) -> None:
        self.products = products
        self._column = {column.name: column for column in columns}

    def __iter__(self) -> Iterator[Column]:
        return iter(self._column.values())

    def get(self, name: str) -> Column | None:
        """The column of exactly this name."""
        return self._column.get(name)

    def find(self, name: str) -> Column | None:
        """The column `name`; an attribute needs no `attributes.` before its name."""
        return self._column.get(name) or self._column.get(ATTRIBUTE + name)

    def restricted(self, rows: Rows) -> Columns:
        """The columns of an index of just `rows`, ascending."""
        return Columns(len(rows), (column.restricted(rows) for column in self))

    def names(self, *kinds: Kind) -> list[str]:
        """Names as one may write them, of the given kinds or of all."""
        return [
            name if self.find(short) is not column else short
            for name, column in self._column.items()
            if not kinds or column.kind in kinds
            for short in (name.removeprefix(ATTRIBUTE),)
        ]

    def alike(self, name: str) -> str:
        """The known name nearest to an unknown one, empty when none is near."""
        known = {known.casefold(): known for known in self.names()}
        near = difflib.get_close_matches(name.casefold(), known, 1)
        return known[near[0]] if near else ""

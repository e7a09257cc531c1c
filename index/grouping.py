"""Variants of one product shown as one hit: the best of each group, with the group's size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalog.errors import QueryError
from index.filtering.columns import Column, Columns

Places = NDArray[np.int64]


def group_column(name: str, columns: Columns) -> Column:
    """The column to group by. Raises QueryError unless it holds one text a product."""
    column = columns.find(name)
    if column is None or column.kind != "keyword":
        near = columns.alike(name)
        raise QueryError(
            f"there is no field {name[:60]!r}"
            if column is None
            else f"field {name!r} holds no texts",
            where="group_by",
            expected=f"one of {', '.join(columns.names('keyword')[:30])}",
            hint=f"Did you mean {near}?" if column is None and near else "",
        )
    if column.many:
        raise QueryError(
            f"products have several values of {name!r}",
            where="group_by",
            expected="a field with one value each",
        )
    return column


def first_of_groups(
    column: Column, rows: NDArray[np.int64]
) -> tuple[Places, NDArray[np.int64], list[str | None]]:
    """Of `rows`, best first: places of each group's first, ascending, group sizes, their values.

    A product without a value is a group of its own.
    """
    numbers = column.single(rows)
    missing = np.isnan(numbers)
    keys = np.where(missing, -1.0 - np.arange(len(rows)), numbers)
    _, first, sizes = np.unique(keys, return_index=True, return_counts=True)
    order = first.argsort()
    first, sizes = first[order], sizes[order]
    values = [
        None if missing[place] else column.labels[int(numbers[place])] for place in first.tolist()
    ]
    return first, sizes, values

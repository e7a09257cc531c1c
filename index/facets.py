"""What the members of a result set have in common: counts of values, ranges of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.moments import iso
from index.budgets import OverBudget
from index.filtering.columns import Column

Rows = NDArray[np.int64]
Facets = dict[str, list[dict[str, Any]]]
Stats = dict[str, dict[str, Any]]

MAX_FACETS = 20
MAX_VALUES = 100  # of one facet, the most common


def count_facets(
    columns: Mapping[str, Column], rows: Rows, seconds: float = inf
) -> tuple[Facets, Stats]:
    """Counts and ranges of `columns`, by the name asked for, over the products in `rows`.

    Texts and truth values are counted, each product once for each of its values, most common
    first, then by value. Numbers and dates have a least and a greatest, absent where none has any.

    Raises OverBudget between two columns once it has taken `seconds`.
    """
    until = perf_counter() + seconds
    facets: Facets = {}
    stats: Stats = {}
    for name, column in columns.items():
        if perf_counter() > until:
            raise OverBudget
        _, values = column.of(rows)
        if column.kind in {"keyword", "boolean"}:
            facets[name] = _counts(column, values)
        elif len(values):
            stats[name] = _range(column, values)
    return facets, stats


def _counts(column: Column, values: NDArray[Any]) -> list[dict[str, Any]]:
    numbers, counts = np.unique(values, return_counts=True)
    shown: list[Any] = (
        [column.labels[number] for number in numbers.tolist()]
        if column.kind == "keyword"
        else [bool(number) for number in numbers.tolist()]
    )
    found = sorted(zip(shown, counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [{"value": value, "count": count} for value, count in found[:MAX_VALUES]]


def _range(column: Column, values: NDArray[Any]) -> dict[str, Any]:
    least, greatest = float(values.min()), float(values.max())
    if column.kind == "date":
        return {"min": iso(least), "max": iso(greatest)}
    return {"min": least, "max": greatest}

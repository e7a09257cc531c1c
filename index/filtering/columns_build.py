"""Filling the typed columns: products in, columns out, when an index is built or updated."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from catalog.model import Product
from catalog.moments import moment
from catalog.text import normalise
from catalog.typed import ATTRIBUTE, Kind, scalar
from catalog.values import FieldError, text
from index.filtering.columns import Column, Columns

# Columns of every index, whether or not a product has a value.
BASE: Mapping[str, Kind] = {
    "brand": "keyword",
    "category": "keyword",
    "price": "number",
    "stock": "number",
    "in_stock": "boolean",
    "popularity": "number",
}


class ColumnsBuilder:
    """Collects values product by product, then sorts out kinds and numbers."""

    def __init__(self, declared: Mapping[str, Kind] | None = None) -> None:
        """`declared` kinds hold for the shop's own columns; others are told from their values."""
        self._kinds: dict[str, Kind] = {**BASE, **(declared or {})}
        self._pairs = {name: _Pairs() for name in self._kinds}
        self._products = 0

    def add(self, product: Product) -> None:
        """Note the values of the next product; rows follow the order of calls."""
        for name, values in _values(product):
            pairs = self._pairs.get(name)
            if pairs is None:
                pairs = self._pairs[name] = _Pairs()
            for value in values:
                pairs.rows.append(self._products)
                pairs.values.append(value)
        self._products += 1

    def build(self) -> Columns:
        """The columns of all products added so far."""
        return Columns(
            self._products,
            (
                _column(name, self._kind(name, pairs.values), self._products, pairs)
                for name, pairs in self._pairs.items()
            ),
        )

    def _kind(self, name: str, values: Sequence[Any]) -> Kind:
        if name.startswith(ATTRIBUTE):
            return "keyword"
        return self._kinds.get(name) or told(values)


class _Pairs:
    def __init__(self) -> None:
        self.rows = array("i")
        self.values: list[Any] = []


def columns_of(products: Iterable[Product], declared: Mapping[str, Kind] | None = None) -> Columns:
    """The columns of `products`, row by row."""
    builder = ColumnsBuilder(declared)
    for product in products:
        builder.add(product)
    return builder.build()


def columns_like(columns: Columns, products: Iterable[Product]) -> Columns:
    """Columns of further products by the kinds of `columns`; a value of another kind is left out.

    For what is added to an index live: `joined_columns([columns, columns_like(columns, more)])`.
    """
    return columns_of(products, {column.name: column.kind for column in columns})


def joined_columns(parts: Sequence[Columns]) -> Columns:
    """The columns of several indexes as one, rows one part after the other.

    A column that one part lacks has no values there; of two kinds for one name the first counts.
    """
    if len(parts) == 1:
        return parts[0]
    starts = [0, *accumulate(part.products for part in parts)]
    names = dict.fromkeys(column.name for part in parts for column in part)
    return Columns(starts[-1], (_joined(name, parts, starts) for name in names))


def told(values: Iterable[Any]) -> Kind:
    """The kind that all of some values have: boolean, number or date, else keyword."""
    kinds = {_kind_of(value) for value in values}
    return kinds.pop() if len(kinds) == 1 else "keyword"


def _kind_of(value: Any) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    try:
        moment(value)
    except ValueError:
        return "keyword"
    return "date"


def _values(product: Product) -> Iterator[tuple[str, Sequence[Any]]]:
    yield "brand", [product.brand] if product.brand else []
    yield "category", product.category
    for name, value in product.attributes.items():
        yield ATTRIBUTE + name, [value]
    for name, number in (("price", product.price), ("popularity", product.popularity)):
        yield name, [] if number is None else [number]
    if product.stock is not None:
        yield "stock", [product.stock]
        yield "in_stock", [product.stock > 0]
    for name, value in product.values.items():
        yield name, value if isinstance(value, list | tuple) else [value]


def _column(name: str, kind: Kind, products: int, pairs: _Pairs) -> Column:
    if kind == "keyword":
        return _keyword(name, products, pairs)
    rows, values = array("i"), array("d")
    for row, value in dict.fromkeys(zip(pairs.rows, pairs.values, strict=True)):
        try:
            written = scalar(value, kind)
        except FieldError:
            continue
        if written is not None:
            rows.append(row)
            values.append(moment(written).seconds if isinstance(written, str) else float(written))
    return Column(name, kind, products, np.array(rows, np.int32), np.array(values, np.float64))


def _keyword(name: str, products: int, pairs: _Pairs) -> Column:
    spelt = [text(value) for value in pairs.values]
    counts = Counter(spelt)
    key_of = {label: normalise(label) for label in counts}
    label_of: dict[str, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        label_of.setdefault(key_of[label], label)
    label_of.pop("", None)  # nothing but characters that cannot be seen
    keys = sorted(label_of)
    number_of = {key: number for number, key in enumerate(keys)}
    found = dict.fromkeys(
        (row, number_of[key])
        for row, label in zip(pairs.rows, spelt, strict=True)
        if (key := key_of[label]) in number_of
    )
    rows, values = zip(*found, strict=True) if found else ((), ())
    return Column(
        name,
        "keyword",
        products,
        np.array(rows, np.int32),
        np.array(values, np.int32),
        tuple(label_of[key] for key in keys),
        tuple(keys),
    )


def _joined(name: str, parts: Sequence[Columns], starts: Sequence[int]) -> Column:
    found = [
        (column, start)
        for part, start in zip(parts, starts, strict=False)
        if (column := part.get(name)) is not None
    ]
    kind = found[0][0].kind
    found = [(column, start) for column, start in found if column.kind == kind]
    number_of: dict[str, int] = {}
    labels: list[str] = []
    values = []
    for column, _ in found:
        if kind != "keyword" or column.keys == tuple(number_of):
            values.append(column.values)
            continue
        for label, key in zip(column.labels, column.keys, strict=True):
            if key not in number_of:
                number_of[key] = len(labels)
                labels.append(label)
        numbers = np.array([number_of[key] for key in column.keys], np.int32)
        values.append(numbers.take(column.values))
    rows = [column.rows + np.int32(start) for column, start in found]
    return Column(
        name,
        kind,
        starts[-1],
        np.concatenate(rows),
        np.concatenate(values),
        tuple(labels),
        tuple(number_of),
    )

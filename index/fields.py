"""Which fields of a product a hit shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from catalog.errors import QueryError
from catalog.model import Product
from catalog.typed import ATTRIBUTE
from index.filtering.columns import Columns

MAX_FIELDS = 50
OWN = tuple(field.name for field in fields(Product))
IN_STOCK = "in_stock"


def check_fields(asked: Sequence[str], columns: Columns) -> tuple[str, ...]:
    """The names asked for. Raises QueryError for one that no product could have."""
    if len(asked) > MAX_FIELDS:
        raise QueryError("there are too many", where="fields", expected=f"at most {MAX_FIELDS}")
    for name in asked:
        if name not in OWN and columns.find(name) is None:
            near = columns.alike(name)
            raise QueryError(
                f"there is no field {name[:60]!r}",
                where="fields",
                expected=f"{', '.join(OWN)} or a column: {', '.join(columns.names()[:30])}",
                hint=f"Did you mean {near}?" if near else "",
            )
    return tuple(asked)


def chosen(product: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Those fields of a stored product, None where it has no such value."""
    return {name: _value(product, name) for name in names}


def _value(product: dict[str, Any], name: str) -> Any:
    if name in product:
        return product[name]
    if name == IN_STOCK:
        return None if product["stock"] is None else product["stock"] > 0
    if name in product["values"]:
        return product["values"][name]
    return product["attributes"].get(name.removeprefix(ATTRIBUTE))

"""Updates: a product put in place, changed in part, or deleted; and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from catalog.errors import CatalogError
from catalog.model import Product
from catalog.products import parse_product, product_record

Outcome = Literal["added", "replaced", "deleted", "unchanged", "not_found", "invalid"]

# What neither arm reads: a change of these alone leaves vector and words as they are.
_UNREAD: Mapping[str, Any] = {"price": None, "stock": None, "popularity": None, "values": {}}


@dataclass(frozen=True)
class Put:
    """Add a product, or put it in the place of the one with its id."""

    product: Product

    @property
    def id(self) -> str:
        """Id of the product meant."""
        return self.product.id


@dataclass(frozen=True)
class Patch:
    """Change some fields of a product: JSON values named as in layout `gradus`.

    A merge patch (RFC 7396): None takes a field away, members of `attributes` and `values` are
    changed one by one, lists are replaced as a whole.
    """

    id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Delete:
    """Take a product away."""

    id: str


Update = Put | Patch | Delete


@dataclass(frozen=True)
class UpdateStatus:
    """What became of one update; `error` says why it is `invalid`."""

    id: str
    outcome: Outcome
    error: str = ""


def patched(product: Product, fields: Mapping[str, Any]) -> Product:
    """The product with `fields` changed. Raises CatalogError when it is none any more."""
    if fields.get("id", product.id) != product.id:
        raise CatalogError(
            "the id of a product cannot be changed",
            where=product.id,
            found=repr(fields["id"]),
            hint="Delete the product and add another.",
        )
    return parse_product(_merged(product_record(product), fields), f"product {product.id}")


def _merged(record: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with a merge patch applied."""
    kept = dict(record)
    for name, value in fields.items():
        before = kept.pop(name, None)
        if isinstance(value, dict):
            kept[name] = _merged(before if isinstance(before, dict) else {}, value)
        elif value is not None:
            kept[name] = value
    return kept


def read_alike(one: Product, other: Product) -> bool:
    """Whether the arms read the same of both, so that vector and words stay."""
    return replace(one, **_UNREAD) == replace(other, **_UNREAD)

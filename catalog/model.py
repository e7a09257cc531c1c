"""The three values every room speaks of: a product, a grade, a judgment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Grade(IntEnum):
    """How well a product answers a query (arXiv:2602.17654, three levels)."""

    IRRELEVANT = 0
    SUBSTITUTE = 1  # a substitute or a complement
    EXACT = 2

    @property
    def gain(self) -> float:
        """Gain in nDCG: 0, ½, 1."""
        return self.value / 2


@dataclass(frozen=True, slots=True)
class Product:
    """One sellable thing. Texts are as the shop wrote them; normalisation happens on use.

    `category` is a path from the top level down; `attributes` are named texts (colour, size …);
    `price` is in the shop's currency, `stock` in units, `popularity` any non-negative number that
    grows with demand. `None` means that the shop did not say. `values` are those of the shop's own
    typed columns (`catalog.typed`): a text, number, truth value, ISO date, or a list of one kind.
    """

    id: str
    title: str
    brand: str = ""
    category: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    price: float | None = None
    stock: int | None = None
    popularity: float | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgment:
    """A grade for a pair of query and product; `source` says who gave it (human, llm, policy …)."""

    query: str
    product_id: str
    grade: Grade
    source: str = "human"

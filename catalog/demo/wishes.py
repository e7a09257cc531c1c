"""What shoppers want: intents drawn from the products of the shop, so that most can be met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from catalog.demo.departments import Assortment, ProductType
from catalog.demo.policy import Intent
from catalog.demo.prices import ceilings, cheap_below
from catalog.model import Product

# Values that sellers state and nobody types.
_BLAND = frozenset((
    "single", "standard", "regular", "classic", "plain", "original", "natural", "medium",
    "compact", "adult", "adults", "full size", "no battery", "invisible", "tool only",
    "clear", "mild", "unisex", "1 camera",
))  # fmt: skip
_MOST_TYPES_OF_A_USE = 3  # more would make half the shop a right answer
_MIXED_WISHES = 0.06  # long-tail wishes that come from two products: often nothing meets them


@dataclass(frozen=True)
class Wish:
    """An intent and the names by which a query may call it.

    `kind` is the type asked for; None for a use of several, where `label` names their class (a
    category or department; empty: all that serve the use).
    """

    intent: Intent
    kind: ProductType | None
    use: str = ""
    label: str = ""
    cheap: bool = False


class Desires:
    """Draws wishes of each sort from the products that the shop really has."""

    def __init__(self, assortment: Assortment, products: Sequence[Product]) -> None:
        self._types = assortment.types
        self._products = products
        self.of_type: dict[str, list[Product]] = {}
        for product in products:
            self.of_type.setdefault(product.category[-1], []).append(product)
        self._sold = sorted(self.of_type)
        self._uses = _uses(assortment, self._sold)

    def for_type(self, rng: Random) -> Wish:
        """Just a type, any that is sold."""
        kind = self._types[rng.choice(self._sold)]
        return Wish(asking(kind), kind)

    def for_attributes(self, rng: Random, count: int) -> Wish:
        """A type and up to `count` attribute values that one product has."""
        product = rng.choice(self._products)
        kind = self._types[product.category[-1]]
        return Wish(replace(asking(kind), attributes=_values(product, count, rng)), kind)

    def for_brand(self, rng: Random) -> Wish:
        """A type of a brand that makes it."""
        product = rng.choice(self._products)
        kind = self._types[product.category[-1]]
        return Wish(replace(asking(kind), brand=product.brand), kind)

    def for_use(self, rng: Random) -> Wish:
        """A use: of one type, or of the few types of a class that serve it."""
        if not self._uses or rng.random() < 0.4:
            kind = self._types[rng.choice(self._sold)]
            return Wish(asking(kind), kind, rng.choice(kind.uses))
        (use, label), types = rng.choice(self._uses)
        siblings = frozenset(name for kind in types for name in self._types[kind].siblings)
        asked = frozenset(types)
        return Wish(Intent(asked, siblings=siblings - asked), None, use, label)

    def long_tail(self, rng: Random) -> Wish:
        """A type with two or three wishes: values, perhaps a brand or a highest price."""
        product = rng.choice(self._products)
        kind = self._types[product.category[-1]]
        intent = replace(asking(kind), attributes=_values(product, rng.choice((2, 2, 3)), rng))
        chance = rng.random()
        if chance < _MIXED_WISHES:
            other = rng.choice(self.of_type[kind.name])
            mixed = {**dict(intent.attributes), **dict(_values(other, 1, rng))}
            intent = replace(intent, attributes=tuple(mixed.items()))
        elif chance < 0.2:
            intent = replace(intent, brand=product.brand, attributes=intent.attributes[:2])
        elif chance < 0.45:
            return _priced(intent, kind, product, rng)
        return Wish(intent, kind)


def asking(kind: ProductType) -> Intent:
    """The bare intent for a type, with the relations that it declares."""
    return Intent(
        types=frozenset((kind.name,)),
        siblings=frozenset(kind.siblings),
        complements=frozenset(kind.complements),
    )


def _priced(intent: Intent, kind: ProductType, product: Product, rng: Random) -> Wish:
    price = product.price or 0.0
    fewer = replace(intent, attributes=intent.attributes[: rng.choice((1, 2))])
    if rng.random() < 0.4 and price <= cheap_below(kind):
        return Wish(replace(fewer, max_price=cheap_below(kind)), kind, cheap=True)
    above = [amount for amount in ceilings(kind) if amount >= price]
    return Wish(replace(fewer, max_price=above[0]) if above else intent, kind)


def _values(product: Product, count: int, rng: Random) -> tuple[tuple[str, str], ...]:
    telling = [pair for pair in product.attributes.items() if pair[1] not in _BLAND]
    return tuple(rng.sample(telling, min(count, len(telling))))


def _uses(
    assortment: Assortment, sold: Sequence[str]
) -> list[tuple[tuple[str, str], tuple[str, ...]]]:
    """((use, class), the types of the class that serve the use), for classes small enough."""
    serving: dict[tuple[str, str], list[str]] = {}
    for name in sold:
        kind: ProductType = assortment.types[name]
        for use in kind.uses:
            for label in dict.fromkeys(("", kind.category, kind.department)):
                serving.setdefault((use, label), []).append(name)
    return [
        (key, tuple(names)) for key, names in serving.items() if len(names) <= _MOST_TYPES_OF_A_USE
    ]

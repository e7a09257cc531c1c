"""The policy: how well a product of the made-up shop answers what a shopper asks.

An intent names the types asked for (one, or those of a use) and any number of *wishes*: attribute
values, a brand, a highest price. A product **misses** a wish when it has another value, another
brand, a higher price, or lacks that attribute altogether.

1. A product of an asked type that misses no wish is **2**, exact.
2. A product of an asked type that misses exactly one wish is **1**, a substitute.
3. A product of a declared sibling type that misses at most `sibling_misses` wishes (0 by default)
   is **1**.
4. With `complements`, a product of a declared complement type is **1** if the intent has no
   wish at all: who just types `sofa` is furnishing and may like a coffee table, who types
   `gray linen sofa` knows what it shall be.
5. Everything else is **0**.

Stock, popularity, title and description play no part: the policy knows what a thing is, however
badly its seller described it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.model import Grade, Product


@dataclass(frozen=True, slots=True)
class Intent:
    """What a shopper means. `attributes` holds (axis, value) pairs; `max_price` a price or None.

    `siblings` and `complements` are the types that the asked types declare.
    """

    types: frozenset[str]
    attributes: tuple[tuple[str, str], ...] = ()
    brand: str = ""
    max_price: float | None = None
    siblings: frozenset[str] = frozenset()
    complements: frozenset[str] = frozenset()

    @property
    def wishes(self) -> int:
        """How much is asked beyond the type."""
        return len(self.attributes) + bool(self.brand) + (self.max_price is not None)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for intents that ask for the same, in whatever words and order."""
        ceiling = -1.0 if self.max_price is None else self.max_price
        return tuple(sorted(self.types)), tuple(sorted(self.attributes)), self.brand, ceiling


@dataclass(frozen=True, slots=True)
class Policy:
    """The two points on which shops differ.

    `complements`: whether what goes with the asked thing is worth showing (grade 1) or not (0).
    `sibling_misses`: how many wishes a substitute of another type may miss, from 0.
    """

    complements: bool = True
    sibling_misses: int = 0


STANDARD = Policy()
POLICIES: Mapping[str, Policy] = {
    "standard": STANDARD,
    "strict": Policy(complements=False),
    "lenient": Policy(sibling_misses=1),
}


def grade(intent: Intent, product: Product, policy: Policy = STANDARD) -> Grade:
    """The grade of a product of the shop, by the rules above; `category[-1]` is its type."""
    kind = product.category[-1]
    if kind in intent.types:
        missed = _missed(intent, product)
        if missed == 0:
            return Grade.EXACT
        return Grade.SUBSTITUTE if missed == 1 else Grade.IRRELEVANT
    if kind in intent.siblings and _missed(intent, product) <= policy.sibling_misses:
        return Grade.SUBSTITUTE
    if policy.complements and kind in intent.complements and not intent.wishes:
        return Grade.SUBSTITUTE
    return Grade.IRRELEVANT


def _missed(intent: Intent, product: Product) -> int:
    missed = sum(product.attributes.get(axis) != value for axis, value in intent.attributes)
    return missed + _wrong_brand(intent, product) + _too_dear(intent, product)


def _wrong_brand(intent: Intent, product: Product) -> bool:
    return bool(intent.brand) and product.brand != intent.brand


def _too_dear(intent: Intent, product: Product) -> bool:
    if intent.max_price is None:
        return False
    return product.price is None or product.price > intent.max_price

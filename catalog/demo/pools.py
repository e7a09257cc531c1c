"""Which products are judged for a query: all that matter, and zeros that are hard to tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from random import Random

from catalog.demo.policy import Intent, Policy, grade
from catalog.demo.queries import DemoQuery
from catalog.model import Grade, Judgment, Product
from catalog.text import normalise

SOURCE = "policy"


@dataclass(frozen=True)
class PoolSizes:
    """Judged products per query.

    Training: up to `exact`, `substitutes`, and zeros until there are `total`. Calibration and test
    alike, for what holds on the one shall hold on the other: every exact product, up to
    `held_out_substitutes` of grade 1, and `held_out_zeros`.
    """

    total: int = 40
    exact: int = 12
    substitutes: int = 12
    random_zeros: int = 5
    held_out_substitutes: int = 200
    held_out_zeros: int = 60


@dataclass(frozen=True)
class Pool:
    """The judgments of a query; `cut` when grade 1 held more than the pool."""

    judgments: tuple[Judgment, ...]
    cut: bool = False

    @property
    def grades(self) -> frozenset[Grade]:
        """The grades that occur."""
        return frozenset(judgment.grade for judgment in self.judgments)


class Judges:
    """Grades pools by a policy, over look-up tables of the shop made once."""

    def __init__(self, products: Sequence[Product], policy: Policy, sizes: PoolSizes) -> None:
        self._products, self._policy, self._sizes = products, policy, sizes
        self._of_type: dict[str, list[Product]] = {}
        self._types_of: dict[str, dict[str, None]] = {}  # brand, category or word → types
        for product in products:
            name = product.category[-1]
            if name not in self._of_type:
                self._of_type[name] = []
                words = normalise(" ".join(product.category[1:])).split()
                for key in chain(words, product.category[:2]):
                    self._types_of.setdefault(key, {})[name] = None
            self._of_type[name].append(product)
            self._types_of.setdefault(product.brand, {})[name] = None

    def pool(self, query: DemoQuery, rng: Random) -> Pool:
        """The judged products of one query, best grades first."""
        sizes, whole = self._sizes, query.split != "train"
        found = self._relevant(query.intent)
        for products in found.values():
            rng.shuffle(products)
        # Closest first: complements are the first to be left out of a full pool.
        types = query.intent.types, query.intent.siblings
        found[Grade.SUBSTITUTE].sort(key=lambda product: _distance(product, types))
        exact = found[Grade.EXACT] if whole else found[Grade.EXACT][: sizes.exact]
        every = found[Grade.SUBSTITUTE]
        near = every[: sizes.held_out_substitutes] if whole else _mixed(every, sizes.substitutes)
        wanted = sizes.held_out_zeros if whole else sizes.total - len(exact) - len(near)
        zeros = self._zeros(query, found[Grade.IRRELEVANT], wanted, rng)
        graded = chain(
            ((product, Grade.EXACT) for product in exact),
            ((product, Grade.SUBSTITUTE) for product in near),
            ((product, Grade.IRRELEVANT) for product in zeros),
        )
        judgments = tuple(Judgment(query.text, item.id, mark, SOURCE) for item, mark in graded)
        return Pool(judgments, cut=whole and len(near) < len(every))

    def _relevant(self, intent: Intent) -> dict[Grade, list[Product]]:
        """Every product of a type that the intent names, by its grade; all others have grade 0."""
        found: dict[Grade, list[Product]] = {mark: [] for mark in Grade}
        for name in sorted(intent.types | intent.siblings | intent.complements):
            for product in self._of_type.get(name, ()):
                found[grade(intent, product, self._policy)].append(product)
        return found

    def _zeros(
        self, query: DemoQuery, misses: Sequence[Product], wanted: int, rng: Random
    ) -> list[Product]:
        """`wanted` products of grade 0: mostly hard, `random_zeros` from anywhere."""
        zeros: dict[str, Product] = {}
        hard = islice(self._hard(query, rng), 4 * wanted)
        anything = (rng.choice(self._products) for _ in range(4 * wanted))
        for products, limit in (
            (misses, wanted // 3),
            (hard, wanted - self._sizes.random_zeros),
            (anything, wanted),
        ):
            for product in products:
                if len(zeros) >= limit:
                    break
                if grade(query.intent, product, self._policy) is Grade.IRRELEVANT:
                    zeros[product.id] = product
        return list(zeros.values())

    def _hard(self, query: DemoQuery, rng: Random) -> Iterator[Product]:
        """Products of other types that share a word, the brand or the category with the query."""
        intent = query.intent
        asked = sorted(intent.types)
        keys = [*normalise(query.text).split(), *normalise(" ".join(asked)).split()]
        keys += [self._of_type[name][0].category[1] for name in asked if name in self._of_type]
        keys += [intent.brand] * 3
        related = intent.types | intent.siblings | intent.complements
        groups = [[t for t in self._types_of.get(key, ()) if t not in related] for key in keys]
        groups = [group for group in groups if group]
        while groups:
            product = rng.choice(self._of_type[rng.choice(rng.choice(groups))])
            if not intent.brand or product.brand == intent.brand or rng.random() < 0.7:
                yield product


def _distance(product: Product, types: tuple[Iterable[str], ...]) -> int:
    """0 for an asked type, 1 for a sibling, 2 for a complement."""
    name = product.category[-1]
    return next((place for place, names in enumerate(types) if name in names), len(types))


def _mixed(ranked: list[Product], count: int) -> list[Product]:
    """`count` of them, at even steps from closest to farthest."""
    if len(ranked) <= count:
        return ranked
    return [ranked[i * len(ranked) // count] for i in range(count)]

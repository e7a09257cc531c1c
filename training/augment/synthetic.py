"""Synthetic queries for products that no judged query leads to (arXiv:2602.17654).

A low ratio of the catalogue, for such products alone; every pair is graded by the judge, and one it
cannot grade is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from catalog.errors import TrainingError
from catalog.model import Grade, Judgment, Product
from catalog.text import normalise
from training.augment.wording import TemplateQueries
from training.judge import Judge
from training.teacher import teach

PROVENANCE = "synthetic"


class QueryGenerator(Protocol):
    """Makes up queries for a product, the one to be preferred first."""

    def queries(self, product: Product) -> Sequence[str]:
        """Any number of texts, none for want of words."""
        ...


@dataclass(frozen=True)
class SyntheticSettings:
    """How many queries are made, and which products of other queries each is paired with.

    `share` of the products, at most, get one query each (the paper says low; the figures are
    ours). Beside its own product a query is paired with the `nearest` that BM25 finds and `random`
    ones, both among the products of other queries, judged or synthetic.
    """

    share: float = 0.05
    nearest: int = 6
    random: int = 2


@dataclass(frozen=True)
class Synthetic:
    """Judged lists of synthetic queries: query → product position → grade.

    `source` has the product that each of them was made from; `asked` is the number of pairs that
    went to the judge, `made` that of queries.
    """

    graded: Mapping[str, Mapping[int, int]]
    source: Mapping[str, int]
    made: int
    asked: int

    @property
    def judged(self) -> int:
        """How many pairs the judge could grade."""
        return sum(len(grades) for grades in self.graded.values())

    def judgments(self, products: Sequence[Product]) -> Iterator[Judgment]:
        """All pairs as judgments of source `synthetic`, to be written to a file."""
        for query, grades in self.graded.items():
            for row, grade in grades.items():
                yield Judgment(query, products[row].id, Grade(grade), PROVENANCE)


def synthetic_queries(
    products: Sequence[Product],
    graded: Mapping[str, Mapping[int, int]],
    judge: Judge,
    settings: SyntheticSettings,
    seed: int,
    *,
    generator: QueryGenerator | None = None,
    known: Collection[str] = (),
) -> Synthetic:
    """Make queries for products without a judgment of grade 1 or 2, pair them, have them judged.

    Args:
        products: the catalogue; positions in it are what lists and judge speak of.
        graded: the training judgments, query → product position → grade.
        judge: who grades the pairs, all of them in one call.
        settings: how many queries and pairs.
        seed: draws the products and the random pairs.
        generator: makes the queries; by default templates over the product's own fields.
        known: normalised queries that none may equal, those of the dev split above all; those of
            `graded` are known anyway.

    Raises:
        TrainingError: a share outside [0, 1] or a negative number of pairs.

    """
    _check(settings)
    source = _made(
        products,
        _unanswered(len(products), graded),
        round(settings.share * len(products)),
        generator or TemplateQueries(seed),
        {*map(normalise, graded), *known},
        Random(f"{seed}\0products"),
    )
    pairs = list(_pairs(products, graded, source, settings, seed))
    lists: dict[str, dict[int, int]] = {}
    for (query, row), grade in zip(pairs, judge.grade(pairs), strict=True):
        if grade is not None:
            lists.setdefault(query, {})[row] = grade
    return Synthetic(
        graded=lists,
        source={query: row for query, row in source.items() if query in lists},
        made=len(source),
        asked=len(pairs),
    )


def _check(settings: SyntheticSettings) -> None:
    if 0 <= settings.share <= 1 and settings.nearest >= 0 and settings.random >= 0:
        return
    raise TrainingError(
        "there is no such number of synthetic queries or pairs",
        expected="a share of the products from 0 to 1, and pairs from 0",
        found=str(settings),
    )


def _unanswered(products: int, graded: Mapping[str, Mapping[int, int]]) -> list[int]:
    """Positions of the products that no query has as an exact match or a substitute."""
    answers = {row for grades in graded.values() for row, grade in grades.items() if grade > 0}
    return [row for row in range(products) if row not in answers]


def _made(
    products: Sequence[Product],
    rows: list[int],
    count: int,
    generator: QueryGenerator,
    taken: set[str],
    rng: Random,
) -> dict[str, int]:
    """Query → position for `count` of `rows`, fewer where too many have no new query."""
    rng.shuffle(rows)
    made: dict[str, int] = {}
    for row in rows:
        if len(made) == count:
            break
        texts: Iterable[str] = map(normalise, generator.queries(products[row]))
        fresh = next((text for text in texts if text and text not in taken), None)
        if fresh is not None:
            made[fresh] = row
            taken.add(fresh)
    return made


def _pairs(
    products: Sequence[Product],
    graded: Mapping[str, Mapping[int, int]],
    source: Mapping[str, int],
    settings: SyntheticSettings,
    seed: int,
) -> Iterator[tuple[str, int]]:
    """Each query with its own product, then with products of other queries; no pair twice."""
    pool = sorted({*source.values(), *(row for grades in graded.values() for row in grades)})
    near: dict[str, list[int]] = {}
    if settings.nearest and source:
        # One more than wanted: a query's own product is mostly among them.
        for taught in teach([products[row] for row in pool], list(source), settings.nearest + 1):
            near[taught.query] = [pool[place] for place in taught.products.tolist()]
    for query, own in source.items():
        nearest = [row for row in near.get(query, ()) if row != own][: settings.nearest]
        chosen = {own, *nearest}
        rest = [row for row in pool if row not in chosen]
        drawn = Random(f"{seed}\0{query}").sample(rest, min(settings.random, len(rest)))
        for row in (own, *nearest, *drawn):
            yield query, row

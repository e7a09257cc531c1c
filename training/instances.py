"""Training instances: a query and graded items of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from training.settings import InstanceSettings


@dataclass(frozen=True)
class GradedList:
    """A query and product position → grade: all that instances of it are drawn from.

    `known` are further products with a judgment, never to be drawn as assumed irrelevant.
    """

    query: str
    grades: Mapping[int, int]
    known: frozenset[int] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class Instance:
    """A query with the positions of products and their grades, in parallel."""

    query: str
    products: tuple[int, ...]
    grades: tuple[int, ...]


def graded_lists(
    graded: Mapping[str, Mapping[int, int]], settings: InstanceSettings
) -> list[GradedList]:
    """The lists that carry a signal: two grades at least, once assumed items have joined."""
    lists = (GradedList(query, grades) for query, grades in sorted(graded.items()))
    return [one for one in lists if has_signal(one.grades, settings)]


def has_signal(grades: Mapping[int, int], settings: InstanceSettings) -> bool:
    """Whether an instance of these grades can teach an order."""
    levels = set(grades.values()) | ({0} if settings.assumed else set())
    return len(levels) > 1


def draw_items(
    graded: GradedList, products: int, settings: InstanceSettings, rng: Random
) -> Instance:
    """At most `items` of the query's graded products, all grades alike, and `assumed` others.

    The assumed ones are drawn uniformly from the products the query has no grade for and count as
    grade 0: in a catalogue of any size hardly one of them answers the query.
    """
    by_grade: dict[int, list[int]] = {}
    for row, grade in sorted(graded.grades.items()):
        by_grade.setdefault(grade, []).append(row)
    for rows in by_grade.values():
        rng.shuffle(rows)
    chosen = _taking_turns(by_grade, settings.items)
    drawn = dict.fromkeys(rng.randrange(products) for _ in range(settings.assumed))
    judged = graded.known.union(graded.grades)
    chosen += [(row, 0) for row in drawn if row not in judged]
    return Instance(
        graded.query, tuple(row for row, _ in chosen), tuple(grade for _, grade in chosen)
    )


def _taking_turns(by_grade: Mapping[int, list[int]], most: int) -> list[tuple[int, int]]:
    chosen: list[tuple[int, int]] = []
    turns: Sequence[int] = sorted(by_grade, reverse=True)
    while len(chosen) < most and any(by_grade.values()):
        for grade in turns:
            if by_grade[grade] and len(chosen) < most:
                chosen.append((by_grade[grade].pop(), grade))
    return chosen

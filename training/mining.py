"""Hard samples: where the stage-1 encoder's ranking and the judge disagree (arXiv:2602.17654)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.instances import GradedList, graded_lists, has_signal
from training.judge import Judge
from training.recipe import InstanceSettings

_QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class Mined:
    """Stage-2 data and what mining found: judged pairs of the top k, hard ones among them."""

    lists: tuple[GradedList, ...]
    retrieved: int
    judged: int
    hard_negatives: int
    hard_positives: int


def mine(
    queries: NDArray[np.float32],
    items: NDArray[np.float32],
    graded: Mapping[str, Mapping[int, int]],
    judge: Judge,
    depth: int,
    settings: InstanceSettings,
    rows: NDArray[np.int64] | None = None,
) -> Mined:
    """Search every training query, judge its top `depth`, keep the hard ones beside the originals.

    Hard negatives have grade 0 and rank above depth/2; hard positives have grade 1 or 2 and rank
    below it; the middle one of an odd depth counts as above. A pair the judge cannot grade is left
    out, never taken for irrelevant. A query's hard samples form an instance of their own, filled up
    with the query's original items of the grades they lack (our choice). The originals all stay:
    without them stage 2 forgets.

    Args:
        queries: (n, dim) float32, unit rows, in the order of `graded`.
        items: (products, dim) float32, unit rows.
        graded: the training judgments, query → product position → grade.
        judge: who grades the retrieved pairs.
        depth: how many products to retrieve for a query; cut to the catalogue.
        settings: what counts as an instance with a signal.
        rows: (products,) which product each item is; by default its own position.

    """
    depth = min(depth, len(items))
    names = list(graded)
    hard_lists: list[GradedList] = []
    judged = negatives = positives = 0
    for place, found in enumerate(_search(queries, items, depth)):
        query = names[place]
        row = found if rows is None else rows[found]
        grades = judge.grade([(query, int(product)) for product in row])
        hard = _hard(row, grades)
        judged += sum(grade is not None for grade in grades)
        negatives += sum(grade == 0 for grade in hard.values())
        positives += sum(grade > 0 for grade in hard.values())
        completed = _completed(hard, graded[query])
        if hard and has_signal(completed, settings):
            hard_lists.append(GradedList(query, completed, frozenset(graded[query])))
    return Mined(
        lists=(*graded_lists(graded, settings), *hard_lists),
        retrieved=len(names) * depth,
        judged=judged,
        hard_negatives=negatives,
        hard_positives=positives,
    )


def _search(
    queries: NDArray[np.float32], items: NDArray[np.float32], depth: int
) -> list[NDArray[np.int64]]:
    """The `depth` nearest items of each query, best first. Exact: training sets fit in memory."""
    found: list[NDArray[np.int64]] = []
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        scores = queries[start : start + _QUERIES_AT_ONCE] @ items.T
        found.extend(np.argsort(-scores, axis=1, kind="stable")[:, :depth])
    return found


def _hard(row: NDArray[np.int64], grades: Sequence[int | None]) -> dict[int, int]:
    middle = len(row) / 2
    hard: dict[int, int] = {}
    for rank, (product, grade) in enumerate(zip(row.tolist(), grades, strict=True)):
        if grade is not None and (grade == 0) == (rank < middle):
            hard[product] = grade
    return hard


def _completed(hard: Mapping[int, int], original: Mapping[int, int]) -> dict[int, int]:
    missing = set(original.values()) - set(hard.values())
    return {**{row: grade for row, grade in original.items() if grade in missing}, **hard}

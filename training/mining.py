"""Hard samples: where the stage-1 encoder's ranking and the judge disagree (arXiv:2602.17654)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from training.instances import GradedList, graded_lists, has_signal
from training.judge import Judge
from training.mined_pairs import NO_GRADE, MinedPairs, Texts
from training.mined_search import Method, nearest
from training.progress import Progress
from training.settings import InstanceSettings

Grades = NDArray[np.int8]
Pair = tuple[str, int]
_AT_ONCE = 1000  # pairs or a query's, whichever is more: enough to keep many requests under way


@dataclass(frozen=True)
class Mined:
    """Stage-2 data and what mining found: judged pairs of the top k, hard ones among them.

    `retrieved` and `judged` count the pairs of this round; `lists`, `pairs`, `hard_negatives` and
    `hard_positives` are of this round and the earlier one together.
    """

    lists: tuple[GradedList, ...]
    retrieved: int
    judged: int
    hard_negatives: int
    hard_positives: int
    pairs: MinedPairs = field(compare=False)


def mine(
    queries: NDArray[np.float32],
    items: NDArray[np.float32],
    graded: Mapping[str, Mapping[int, int]],
    judge: Judge,
    depth: int,
    settings: InstanceSettings,
    rows: NDArray[np.int64] | None = None,
    *,
    further: Mapping[str, Judge] | None = None,
    judge_name: str = "",
    sources: Mapping[str, Mapping[int, str]] | None = None,
    round_number: int = 1,
    earlier: MinedPairs | None = None,
    search: Method = "auto",
    say: Callable[[str], None] = lambda line: None,
) -> Mined:
    """Search every training query, judge its top `depth`, keep the hard ones beside the originals.

    Hard negatives have grade 0 and rank above depth/2; hard positives have grade 1 or 2 and rank
    below it; the middle one of an odd depth counts as above. A pair that no judge can grade is left
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
        further: name → judge, asked in this order for the pairs that those before cannot grade.
        judge_name: what the pairs record of `judge`; by default the name of its class.
        sources: what they record in its place, query → product position → name, where it passes
            on a grade that somebody else gave.
        round_number: which round of mining this is, from 1.
        earlier: the pairs of the rounds before, joined with this round's by `MinedPairs.union`.
        search: how to find the nearest items, see `training.mined_search`.
        say: hears how far judging is, where it takes long.

    """
    names = list(graded)
    found, cosines = nearest(queries, items, depth, search)
    products = found if rows is None else rows[found]
    judges = [(judge_name or type(judge).__name__, judge), *(further or {}).items()]
    given, by = _judged_in_parts(names, products, judges, sources or {}, say)
    grades = np.array(given, np.int8).reshape(products.shape)
    pairs = MinedPairs(
        query=np.repeat(np.array(names, object), products.shape[1]),
        product=products.ravel(),
        rank=np.tile(np.arange(1, products.shape[1] + 1, dtype=np.int32), len(names)),
        cosine=cosines.ravel(),
        grade=grades.ravel(),
        judge=np.array(by, object),
        round=np.full(products.size, round_number, np.int32),
        kind=_kinds(grades).ravel(),
    )
    retrieved, graded_pairs = len(pairs), int((grades != NO_GRADE).sum())
    if earlier is not None:
        pairs = earlier.union(pairs)
    return Mined(
        lists=tuple(_lists(pairs, graded, settings)),
        retrieved=retrieved,
        judged=graded_pairs,
        hard_negatives=pairs.count("hard_negative"),
        hard_positives=pairs.count("hard_positive"),
        pairs=pairs,
    )


def _judged_in_parts(
    names: Sequence[str],
    products: NDArray[np.int64],
    judges: Sequence[tuple[str, Judge]],
    sources: Mapping[str, Mapping[int, str]],
    say: Callable[[str], None],
) -> tuple[list[int], list[str]]:
    """As `_judged`, of all pairs row by row, some queries at a time so that one hears of it."""
    grades: list[int] = []
    by: list[str] = []
    at_once = max(1, _AT_ONCE // max(1, products.shape[1]))
    progress = Progress("mined pairs judged", products.size, say)
    for start in range(0, len(names), at_once):
        rows = products[start : start + at_once].tolist()
        asked = zip(names[start : start + at_once], rows, strict=True)
        pairs = [(name, row) for name, of_query in asked for row in of_query]
        part, part_by = _judged(pairs, judges, sources)
        grades += part
        by += part_by
        progress.reached(len(grades))
    return grades, by


def _judged(
    pairs: Sequence[Pair],
    judges: Sequence[tuple[str, Judge]],
    sources: Mapping[str, Mapping[int, str]],
) -> tuple[list[int], list[str]]:
    """The grade of each pair and who gave it; `NO_GRADE` and nobody where all judges pass.

    `sources` says who gave what the first of the judges only passes on.
    """
    grades, by = [NO_GRADE] * len(pairs), [""] * len(pairs)
    left = list(range(len(pairs)))
    for number, (name, judge) in enumerate(judges):
        if not left:
            break
        given = judge.grade([pairs[place] for place in left])
        for place, grade in zip(left, given, strict=True):
            if grade is not None:
                query, product = pairs[place]
                grades[place] = grade
                by[place] = name if number else sources.get(query, {}).get(product, name)
        left = [place for place in left if grades[place] == NO_GRADE]
    return grades, by


def _kinds(grades: Grades) -> Texts:
    """Which of the ranked grades (queries, depth) contradict their rank; kinds of `MinedPairs`."""
    depth = grades.shape[1]
    above = np.arange(depth) < depth / 2
    kinds = np.full(grades.shape, "none", object)
    kinds[(grades == 0) & above] = "hard_negative"
    kinds[(grades > 0) & ~above] = "hard_positive"
    return kinds


def _lists(
    pairs: MinedPairs, graded: Mapping[str, Mapping[int, int]], settings: InstanceSettings
) -> Iterator[GradedList]:
    """The original lists, then the hard ones; neither takes what was judged for irrelevant."""
    found, judged = pairs.hard(), pairs.judged()
    for one in graded_lists(graded, settings):
        yield replace(one, known=frozenset(judged.get(one.query, ())))
    for query, original in graded.items():
        hard = found.get(query, {})
        completed = _completed(hard, original)
        if hard and has_signal(completed, settings):
            known = judged[query].union(original)
            yield GradedList(query, completed, frozenset(known))


def _completed(hard: Mapping[int, int], original: Mapping[int, int]) -> dict[int, int]:
    missing = set(original.values()) - set(hard.values())
    return {**{row: grade for row, grade in original.items() if grade in missing}, **hard}

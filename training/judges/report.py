"""How good a judge is: pure arithmetic over arrays of grades, with bootstrap over queries.

Queries are drawn, not pairs: pairs of one query share its difficulty, and intervals over pairs
would be far too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.measures import CONFIDENCE, RESAMPLES
from catalog.model import Grade

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NO_ANSWER = -1
_GRADES = [grade.value for grade in Grade]


def judge_report(
    queries: Sequence[str], truth: Ints, answers: Ints, seed: int = 0
) -> dict[str, Any]:
    """JSON-safe figures of one judge.

    Everything but `coverage`, the share of pairs that got an answer, is over answered pairs.
    `accuracy`: share of equal grades. `within_one`: share at most one grade off (always answering 1
    reaches 1.0, so read it beside accuracy only). `confusion[t][a]`: pairs of true grade t
    answered a. `grades`: precision and recall of each. A figure is `{value, low, high}` with a 95 %
    percentile interval, null where nothing is there to divide by.

    Args:
        queries: (n,) the query of each pair.
        truth: (n,) int64 in 0 … 2.
        answers: (n,) int64 in 0 … 2, or `NO_ANSWER`.
        seed: of the bootstrap.

    Raises:
        ValueError: lengths differ, there is no pair, or a grade is out of range.

    """
    _check(queries, truth, answers)
    given = answers != NO_ANSWER
    shares: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]] = {
        "coverage": (given, np.ones_like(given)),
        "accuracy": (given & (answers == truth), given),
        "within_one": (given & (abs(answers - truth) <= 1), given),
    }
    for grade in _GRADES:
        hit = (answers == grade) & (truth == grade)
        shares[f"precision {grade}"] = (hit, answers == grade)
        shares[f"recall {grade}"] = (hit, given & (truth == grade))
    figures = dict(zip(shares, _figures(queries, list(shares.values()), seed), strict=True))
    return {
        "pairs": len(truth),
        "queries": len(set(queries)),
        **{name: figures[name] for name in ("coverage", "accuracy", "within_one")},
        "confusion": [
            [int(((truth == t) & (answers == a)).sum()) for a in _GRADES] for t in _GRADES
        ],
        "grades": {
            str(grade): {
                "pairs": int((truth == grade).sum()),
                "precision": figures[f"precision {grade}"],
                "recall": figures[f"recall {grade}"],
            }
            for grade in _GRADES
        },
    }


def gain(
    queries: Sequence[str], truth: Ints, ours: Ints, theirs: Ints, seed: int = 0
) -> dict[str, Any]:
    """`accuracy` and `within_one` of `ours` minus `theirs` on the pairs that both answer."""
    _check(queries, truth, ours)
    _check(queries, truth, theirs)
    both = (ours != NO_ANSWER) & (theirs != NO_ANSWER)
    right = (ours == truth).astype(float) - (theirs == truth)
    near = (abs(ours - truth) <= 1).astype(float) - (abs(theirs - truth) <= 1)
    parts = [(both * right, both), (both * near, both)]
    return dict(zip(("accuracy", "within_one"), _figures(queries, parts, seed), strict=True))


def compared(
    queries: Sequence[str],
    truth: Ints,
    answers: Ints,
    baselines: Mapping[str, Ints],
    seed: int = 0,
) -> dict[str, Any]:
    """`judge`, then under `baselines` the same figures of each and the judge's `gain` over it."""
    return {
        "judge": judge_report(queries, truth, answers, seed),
        "baselines": {
            name: {
                **judge_report(queries, truth, theirs, seed),
                "gain": gain(queries, truth, answers, theirs, seed),
            }
            for name, theirs in baselines.items()
        },
    }


def as_answers(grades: Sequence[int | None]) -> Ints:
    """A judge's list as an array, None as `NO_ANSWER`."""
    return np.array([NO_ANSWER if grade is None else grade for grade in grades], dtype=np.int64)


def _check(queries: Sequence[str], truth: Ints, answers: Ints) -> None:
    if not len(queries) == len(truth) == len(answers) or not len(queries):
        raise ValueError(
            f"{len(queries)} queries, {len(truth)} true grades, {len(answers)} answers"
        )
    if not np.isin(truth, _GRADES).all() or not np.isin(answers, [NO_ANSWER, *_GRADES]).all():
        raise ValueError("a grade is out of range")


def _figures(
    queries: Sequence[str], parts: Sequence[tuple[NDArray[Any], NDArray[Any]]], seed: int
) -> list[dict[str, float | None]]:
    """Ratios of sums, Σ over ÷ Σ under, each with its interval over resampled queries."""
    _, place = np.unique(np.array(queries, dtype=object).astype(str), return_inverse=True)
    count = int(place.max()) + 1
    over, under = (
        np.stack([np.bincount(place, part[side], count) for part in parts], axis=1)
        for side in (0, 1)
    )
    # How often each query is drawn says all that a resample needs: (resamples, queries).
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    tops, bottoms = drawn @ over, drawn @ under
    return [
        _figure(*sums, top[bottom > 0] / bottom[bottom > 0])
        for sums, top, bottom in zip(
            zip(over.sum(0), under.sum(0), strict=True), tops.T, bottoms.T, strict=True
        )
    ]


def _figure(over: float, under: float, resampled: Floats) -> dict[str, float | None]:
    if not under:
        return {"value": None, "low": None, "high": None}
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, (tail, 1 - tail))
    return {"value": float(over / under), "low": float(low), "high": float(high)}

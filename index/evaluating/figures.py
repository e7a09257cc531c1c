"""One number a query, mode and figure: what every mean, interval and comparison is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.measures import DEPTHS, evaluate_run
from index.calibration import MODES, Mode
from index.evaluating.asking import Answers, Qrels

Floats = NDArray[np.float64]

RETRIEVAL = tuple(f"{name}@{k}" for name in ("ndcg", "recall", "precision") for k in DEPTHS)
FIGURES = (*RETRIEVAL, "judged@10", "no_confident_match", "tier_accuracy", "squared_error")
# Where less is better; `no_confident_match` is, for every query here has judged products.
LESS_IS_BETTER = frozenset({"no_confident_match", "squared_error"})
_FIRST = 10


@dataclass(frozen=True)
class Figures:
    """`values[mode][figure]` is (queries,) float64 in the order of `queries`, NaN where undefined.

    - those of `catalog.measures` at 10, 50 and 100; recall is NaN without an exact product
    - `judged@10`: share of the first ten hits that somebody judged; NaN without a hit
    - `no_confident_match`: 1 where nothing reached `substitute`, else 0
    - `tier_accuracy`: share of the judged products whose tier is the judged grade
    - `squared_error`: of P(≥1) and P(=2) on the judged products, their mean, in [0, 1]

    `judged` counts the judged products of each query; `slices` names those that it is in.
    """

    queries: tuple[str, ...]
    judged: tuple[int, ...]
    values: Mapping[Mode, Mapping[str, Floats]]
    slices: tuple[tuple[str, ...], ...]


def figures_of(
    qrels: Qrels, answers: Mapping[Mode, Answers], slices: tuple[tuple[str, ...], ...] = ()
) -> Figures:
    """The figures of every query of `qrels`, all of whose products the index holds."""
    return Figures(
        queries=tuple(qrels),
        judged=tuple(len(grades) for grades in qrels.values()),
        values={mode: _of_mode(qrels, answers[mode]) for mode in MODES},
        slices=slices or ((),) * len(qrels),
    )


def _of_mode(qrels: Qrels, answers: Answers) -> dict[str, Floats]:
    run = dict(zip(qrels, answers.rankings, strict=True))
    judged, count = answers.judged, len(qrels)
    right = (judged.tier == judged.grade).astype(np.float64)
    known = [
        float(np.mean([product in grades for product in ranking[:_FIRST]])) if ranking else np.nan
        for ranking, grades in zip(answers.rankings, qrels.values(), strict=True)
    ]
    return {
        **evaluate_run(qrels, run),
        "judged@10": np.array(known, np.float64),
        "no_confident_match": answers.silent.astype(np.float64),
        "tier_accuracy": judged.mean_by_query(right, count),
        "squared_error": judged.mean_by_query(judged.squared_error, count),
    }

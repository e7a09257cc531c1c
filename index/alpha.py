"""The weight of the semantic arm: best nDCG@10 over the whole catalogue, shrunk towards one half.

A few dozen queries place the best weight only roughly, and one half is a good guess without any.
So: find the best weight on a grid in each of many bootstrap samples of the n queries; with d the
mean distance of these from one half,

    alpha = 1/2 + d · n/(n + 25)

as if 25 more queries had said one half. On queries left out that beats weighing d by how much the
samples agree, at every n tried, and halves how far the weight strays (docs/calibration.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade
from index.candidates import Candidates, blended
from index.engine import Engine
from index.ranking import best
from index.request import SearchRequest

Scores = NDArray[np.float64]

GRID = np.round(np.linspace(0.0, 1.0, 21), 2)
DEPTH = 10
_RESAMPLES = 500
_QUERIES_FOR_HALF = 25


@dataclass(frozen=True)
class AlphaFit:
    """`alpha` as shrunk, `best` on all queries, 95 % `interval` of the best over bootstraps.

    `curve` is the mean nDCG@10 at each weight of `GRID`.
    """

    alpha: float
    best: float
    interval: tuple[float, float]
    curve: tuple[float, ...]


def fit_alpha(engine: Engine, qrels: Mapping[str, Mapping[str, int]]) -> AlphaFit:
    """Fit the weight on judged queries, retrieving as the engine does."""
    return choose_alpha(
        np.array([ndcg_by_alpha(engine, query, grades) for query, grades in qrels.items()])
    )


def choose_alpha(ndcg: Scores, seed: int = 0) -> AlphaFit:
    """The weight from nDCG@10 (queries, len(GRID)) at each weight of the grid."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(len(ndcg), size=(_RESAMPLES, len(ndcg)))
    chosen = np.array([_argmax(ndcg[rows].mean(axis=0)) for rows in samples])
    distance = float(chosen.mean() - 0.5)
    kept = len(ndcg) / (len(ndcg) + _QUERIES_FOR_HALF)
    low, high = np.quantile(chosen, (0.025, 0.975))
    curve = ndcg.mean(axis=0)
    return AlphaFit(
        alpha=round(0.5 + distance * kept, 2),
        best=_argmax(curve),
        interval=(round(float(low), 3), round(float(high), 3)),
        curve=tuple(np.round(curve, 5).tolist()),
    )


def ndcg(gains: Scores, ideal: Scores) -> float:
    """NDCG of gains in rank order against the gains of the best order, both cut to 10 alike."""
    best_sum = _dcg(np.sort(ideal)[::-1])
    return _dcg(gains) / best_sum if best_sum else 0.0


def _dcg(gains: Scores) -> float:
    gains = gains[:DEPTH]
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())


def _argmax(curve: Scores) -> float:
    # The middle of all weights that tie for the best.
    return float(GRID[curve >= curve.max() - 1e-12].mean())


def ndcg_by_alpha(engine: Engine, query: str, grades: Mapping[str, int]) -> list[float]:
    """nDCG@10 of one query at each weight of `GRID`, over the whole catalogue."""
    ids, ranks = engine.bundle.store.ids, engine.bundle.store.ranks
    ideal = np.array([Grade(grade).gain for grade in grades.values()])
    prepared = engine.prepare(SearchRequest(query))
    vector = engine.encode(prepared)
    found = engine.candidates(prepared.terms, vector, "hybrid")
    values = []
    for alpha in GRID.tolist():
        rows, _ = best(found.rows, _scores(found, alpha), ranks, DEPTH)
        gains = np.array([Grade(grades.get(ids[row], 0)).gain for row in rows])
        values.append(ndcg(gains, ideal))
    return values


def _scores(found: Candidates, alpha: float) -> Scores:
    return blended(found.rows, found.semantic, found.lexical, alpha).scores

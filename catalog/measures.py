"""Retrieval measures by name, from ir_measures (extra `eval`), and bootstrap over queries.

Grades are gains through `Grade.gain`: 1, ½, 0. An unjudged product counts as grade 0.

- `ndcg@k`: gain ÷ log2(rank + 1), summed to rank k, over the best such sum that the judged products
  allow (Järvelin and Kekäläinen 2002, linear gains). 0 for a query whose judgments hold no gain.
- `recall@k`: share of a query's grade-2 products among the first k. NaN, left out of every mean,
  for a query without a grade-2 product.
- `precision@k`: share of grade 1 or 2 among the first k; a shorter list counts as if filled up with
  irrelevant products.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalog.errors import GradusError
from catalog.model import Grade, Judgment
from catalog.text import normalise

Floats = NDArray[np.float64]
Qrels = Mapping[str, Mapping[str, int]]
Ranking = Mapping[str, float] | Sequence[str]

DEPTHS = (10, 50, 100)
RESAMPLES = 2000
CONFIDENCE = 0.95
# nDCG is a ratio, so that twice our gains, in the whole numbers that ir_measures takes, gives the
# same value.
_GAINS = {grade.value: int(2 * grade.gain) for grade in Grade}
_DRAWS_AT_ONCE = 2**20


@dataclass(frozen=True)
class Interval:
    """A mean over `count` queries with its 95 % bootstrap interval; all NaN if count is 0."""

    mean: float
    low: float
    high: float
    count: int

    def record(self) -> dict[str, float | int | None]:
        """For JSON, which has no NaN: `null` instead."""
        values = {"mean": self.mean, "low": self.low, "high": self.high}
        finite = {key: None if np.isnan(value) else value for key, value in values.items()}
        return {**finite, "count": self.count}


def qrels_of(judgments: Iterable[Judgment]) -> dict[str, dict[str, int]]:
    """Judgments as query → product id → grade, queries in the order of their first judgment.

    Spellings that normalise alike are one query, under the first of them.
    """
    qrels: dict[str, dict[str, int]] = {}
    spelt: dict[str, str] = {}
    for judgment in judgments:
        query = spelt.setdefault(normalise(judgment.query), judgment.query)
        qrels.setdefault(query, {})[judgment.product_id] = int(judgment.grade)
    return qrels


def evaluate_run(
    qrels: Qrels, run: Mapping[str, Ranking], ks: Sequence[int] = DEPTHS
) -> dict[str, Floats]:
    """`ndcg@k`, `recall@k` and `precision@k` for each k, each (len(qrels),) float64 in [0, 1].

    Values stand in the order of `qrels`. A ranking is product ids from the best on, or product id →
    score, ordered by (-score, id). A query absent from `run` counts 0; one absent from `qrels`
    counts nothing. `recall@k` is NaN where a query has no grade-2 product.

    Raises:
        GradusError: ir_measures is not installed, or a ranking names a product twice.

    """
    measures = _measures(ks)
    # trec_eval orders by single-precision score itself; falling whole numbers keep our order.
    scored = {query: _falling(run[query], query) for query in qrels if query in run}
    ints = {query: {p: int(g) for p, g in grades.items()} for query, grades in qrels.items()}
    place = {query: row for row, query in enumerate(qrels)}
    values = {name: np.zeros(len(place)) for name in measures.values()}
    if ints:
        for metric in _ir_measures().iter_calc(list(measures), ints, scored):
            values[measures[metric.measure]][place[metric.query_id]] = metric.value
    exact = [any(grade == Grade.EXACT for grade in grades.values()) for grades in ints.values()]
    for name in values:
        if name.startswith("recall@"):
            values[name][~np.array(exact, dtype=bool)] = np.nan
    return values


def bootstrap_mean(values: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Mean and percentile bootstrap interval of per-query values, (n,); NaN values are left out."""
    found = np.asarray(values, dtype=np.float64)
    found = found[~np.isnan(found)]
    if not found.size:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    (means,) = _resampled_means(found[None], seed, resamples)
    return _interval(float(found.mean()), means, found.size)


def bootstrap_share(
    parts: ArrayLike, wholes: ArrayLike, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """sum(parts) / sum(wholes) over queries, with its bootstrap interval over them.

    Both are (n,) counts; what has the larger whole weighs more. `count` are the queries with a
    whole above 0; draws that hold none of these are left out.

    Raises:
        ValueError: the shapes differ.

    """
    both = np.stack([np.asarray(parts, np.float64), np.asarray(wholes, np.float64)])
    part, whole = both.sum(axis=1)
    if not whole:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    means = _resampled_means(both, seed, resamples)
    means = means[:, means[1] > 0.0]
    return _interval(float(part / whole), means[0] / means[1], int((both[1] > 0.0).sum()))


def paired_bootstrap(
    ours: ArrayLike, theirs: ArrayLike, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Mean of `ours - theirs` query by query, with its interval: above 0 when `ours` is better.

    Both are (n,) over the same queries; a query that is NaN in either is left out.

    Raises:
        ValueError: the shapes differ.

    """
    first, second = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired values differ in shape: {first.shape} and {second.shape}")
    return bootstrap_mean(first - second, seed, resamples)


def relative_change(
    ours: ArrayLike, theirs: ArrayLike, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """mean(ours) / mean(theirs) - 1 over the same queries, with its bootstrap interval.

    Both are (n,); a query that is NaN in either is left out, and drawn for both or for neither.
    All NaN where the mean of `theirs` is 0, or is in a resample.

    Raises:
        ValueError: the shapes differ.

    """
    first, second = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired values differ in shape: {first.shape} and {second.shape}")
    both = np.stack([first, second])
    both = both[:, ~np.isnan(both).any(axis=0)]
    base = float(both[1].mean()) if both.shape[1] else 0.0
    means = _resampled_means(both, seed, resamples) if base else np.zeros((2, 1))
    if not means[1].all():
        return Interval(float("nan"), float("nan"), float("nan"), both.shape[1])
    return _interval(float(both[0].mean()) / base - 1.0, means[0] / means[1] - 1.0, both.shape[1])


def _resampled_means(values: Floats, seed: int, resamples: int) -> Floats:
    """Means of the rows of `values` (rows, n), n > 0, over the same draws: (rows, resamples)."""
    count = values.shape[1]
    rng = np.random.default_rng(seed)
    at_once = max(1, _DRAWS_AT_ONCE // count)
    draws = (
        rng.integers(count, size=(min(at_once, resamples - done), count))
        for done in range(0, resamples, at_once)
    )
    return np.concatenate([values[:, draw].mean(axis=2) for draw in draws], axis=1)


def _interval(mean: float, resampled: Floats, count: int) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, (tail, 1 - tail))
    return Interval(mean, float(low), float(high), count)


def _measures(ks: Sequence[int]) -> dict[Any, str]:
    library = _ir_measures()
    found = {}
    for k in ks:
        found[library.nDCG(gains=_GAINS, dcg="log2") @ k] = f"ndcg@{k}"
        found[library.R(rel=int(Grade.EXACT)) @ k] = f"recall@{k}"
        found[library.P(rel=int(Grade.SUBSTITUTE)) @ k] = f"precision@{k}"
    return found


def _falling(ranking: Ranking, query: str) -> dict[str, float]:
    if isinstance(ranking, Mapping):
        ids = sorted(ranking, key=lambda product: (-ranking[product], product))
    else:
        ids = list(ranking)
    if len(set(ids)) != len(ids):
        raise GradusError(f"the ranking for {query!r} names a product twice")
    return {product: float(len(ids) - rank) for rank, product in enumerate(ids)}


def _ir_measures() -> Any:
    try:
        import ir_measures
    except ModuleNotFoundError as error:
        raise GradusError(
            "evaluation needs ir_measures, which is not installed",
            hint='Install it: pip install -e ".[eval]".',
        ) from error
    return ir_measures

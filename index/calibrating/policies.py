"""Threshold policies by name: `balanced`, or a promise on the precision of what is called exact.

    balanced                        best macro-F1 over the three grades
    precision(exact)>=0.8@0.9       with confidence 0.9 at least 0.8 of the hits shown as exact are

The promise is over returned hits: of the first page (20 hits) of a query, those called exact; one
that nobody judged counts as not exact. Queries are what is drawn, hits of one query hang together:
the evidence is that of independent queries, and it is split evenly over the cuts that are tried.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.errors import JudgmentError
from index.calibrating.betting import evidence
from index.calibration import Thresholds

Scores = NDArray[np.float64]

PAGE = 20
CLOSED = 1.000001  # a cut that no relevance reaches
BALANCED = "balanced"
_LEVELS = tuple(level / 20 for level in range(20))
_PRECISION = re.compile(r"precision\(exact\)\s*>=\s*(\d*\.?\d+)\s*@\s*(\d*\.?\d+)")


@dataclass(frozen=True)
class Policy:
    """`balanced` when `precision` is None, else the least precision and its confidence."""

    precision: float | None = None
    confidence: float = 0.0

    @property
    def name(self) -> str:
        """As it is written and recorded."""
        if self.precision is None:
            return BALANCED
        return f"precision(exact)>={self.precision:g}@{self.confidence:g}"

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy. Raises JudgmentError."""
        if text.strip() == BALANCED:
            return cls()
        found = _PRECISION.fullmatch(text.strip())
        numbers = [float(part) for part in found.groups()] if found else []
        if not numbers or not all(0.0 < number < 1.0 for number in numbers):
            raise JudgmentError(
                "there is no such threshold policy",
                where="--policy",
                expected=f"{BALANCED}, or precision(exact)>=P@C with P and C between 0 and 1, "
                "such as precision(exact)>=0.8@0.9",
                found=repr(text),
            )
        return cls(*numbers)


@dataclass(frozen=True)
class Shown:
    """First pages of queries: `relevance` (queries, PAGE), -1 where a page is shorter; `exact`."""

    relevance: Scores
    exact: NDArray[np.bool_]


@dataclass(frozen=True)
class Promise:
    """What a cut keeps: `precision` is promised, `measured` what the calibration queries had.

    `queries` of them were shown `hits` as exact at all.
    """

    cut: float
    precision: float
    confidence: float
    measured: float
    queries: int
    hits: int


def lowest_cut(
    shown: Shown, precision: float, confidence: float, least: float = 0.0
) -> Promise | None:
    """The lowest cut, `least` or above, that keeps the promise; None if none of those tried does.

    The cuts tried are quantiles of the relevances shown, whatever their grades.
    """
    cuts = _cuts(shown.relevance, least)
    if not len(cuts):
        return None
    called = shown.relevance[:, :, None] >= cuts
    counts, right = called.sum(axis=1), (called & shown.exact[:, :, None]).sum(axis=1)
    found = evidence((right - precision * counts) / PAGE, -precision)
    kept = np.flatnonzero(found >= len(cuts) / (1.0 - confidence))
    if not len(kept):
        return None
    at = int(kept[0])
    return Promise(
        float(cuts[at]),
        precision,
        confidence,
        float(right[:, at].sum() / counts[:, at].sum()),
        int((counts[:, at] > 0).sum()),
        int(counts[:, at].sum()),
    )


def best_promise(shown: Shown, confidence: float, least: float = 0.0) -> float:
    """The highest precision, in hundredths, that some cut keeps with that confidence; 0 if none."""
    kept, refused = 0, 100
    while refused - kept > 1:
        tried = (kept + refused) // 2
        if lowest_cut(shown, tried / 100, confidence, least) is None:
            refused = tried
        else:
            kept = tried
    return kept / 100


def promised(shown: Shown, policy: Policy, least: float = 0.0) -> Promise:
    """The lowest cut that keeps the policy. Raises JudgmentError that names the best possible."""
    wanted = policy.precision or 0.0
    promise = lowest_cut(shown, wanted, policy.confidence, least)
    if promise is not None:
        return promise
    best = best_promise(shown, policy.confidence, least)
    possible = (
        f"at best precision(exact)>={best:g}@{policy.confidence:g}"
        if best
        else f"no promise at all with confidence {policy.confidence:g}"
    )
    raise JudgmentError(
        "these judgments do not support that threshold policy",
        where="--policy",
        expected=policy.name,
        found=f"{possible}, from {len(shown.relevance)} queries",
        hint="Ask for less, judge more queries, or judge what is shown: unjudged hits count as "
        "not exact.",
    )


def with_exact(thresholds: Thresholds, exact: float) -> Thresholds:
    """The same cuts with another one for `exact`; that of `substitute` is never above it."""
    return Thresholds(exact=exact, substitute=min(thresholds.substitute, exact))


def _cuts(relevance: Scores, least: float) -> Scores:
    shown = relevance[(relevance >= least) & (relevance >= 0.0)]
    if not len(shown):
        return shown
    cuts: Scores = np.unique(np.quantile(shown, _LEVELS, method="nearest").round(6))
    return cuts

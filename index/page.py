"""From a result set to a page of hits: relevance, tier, cut, order, page, fetch.

Everything counted here is counted over the members of R that pass the cut, never over the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from index import loops
from index.calibration import TIERS, ModeCalibration
from index.candidates import Candidates
from index.request import Explanation, Hit, SearchRequest, Total
from index.store import ProductStore

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """R by position into the candidates: relevance and grade of all, the order of those that pass.

    `least` is the relevance from which on a member passes; `beyond` is the most that products
    outside R may have, for each full arm.
    """

    order: Rows
    relevance: Scores
    grades: NDArray[np.int64]
    least: float
    beyond: Scores


@dataclass(frozen=True)
class Page:
    """What the request sees of R. `past` is set when the page begins beyond the last hit.

    `shown` are the places of all hits, in order. Where there are none, `missed` is the relevance of
    the best candidate, None without any.
    """

    shown: Rows
    total: Total
    tier_counts: dict[str, int]
    confident: bool
    past: bool
    missed: float | None = None


def rank(
    found: Candidates, part: ModeCalibration, ranks: NDArray[np.int64], least: float = 0.0
) -> Ranking:
    """Order the members of R with relevance `least` or more by (-relevance, -score, product id).

    Relevance never falls as the score rises, so score and id are enough.
    """
    everything = part.link.relevance(np.concatenate((found.scores, found.beyond)))
    relevance, beyond = everything[: len(found.rows)], everything[len(found.rows) :]
    order = loops.order(found.rows, found.scores, ranks, relevance, least)
    return Ranking(order, relevance, part.thresholds.grades(relevance), least, beyond)


def least_relevance(part: ModeCalibration, request: SearchRequest) -> float:
    """The relevance that `min_tier` and `min_relevance` ask for together."""
    return max(part.thresholds.least(request.min_tier), request.min_relevance or 0.0)


def cut(ranking: Ranking, shown: Rows, request: SearchRequest) -> Page:
    """Count the hits, which are at the places `shown`; say whether there may be more."""
    counts = np.bincount(ranking.grades.take(shown), minlength=len(TIERS)).tolist()
    lowest = TIERS.index(request.min_tier)
    # Nothing beyond an arm's c-th candidate scores higher in that arm; while what it may reach
    # passes the cut, products outside R might too.
    open_ended = any(most >= ranking.least for most in ranking.beyond.tolist())
    return Page(
        shown,
        Total(len(shown), "gte" if open_ended else "eq"),
        {
            TIERS[grade]: counts[grade]
            for grade in range(len(TIERS) - 1, -1, -1)
            if grade >= lowest or counts[grade]  # a pin may lie below the cut
        },
        confident=bool(np.count_nonzero(ranking.grades)),
        past=request.offset >= len(shown) > 0,
        missed=None if len(shown) else max(ranking.relevance.tolist(), default=None),
    )


def hits(
    store: ProductStore,
    found: Candidates,
    ranking: Ranking,
    page: Page,
    part: ModeCalibration,
    request: SearchRequest,
    alpha: float | None,
) -> tuple[Hit, ...]:
    """The hits of the page, fetched from the store."""
    shown = page.shown[request.offset : request.offset + request.limit]
    rows = found.rows[shown]
    explanations: list[Explanation | None] = [None] * len(shown)
    if request.explain:
        explanations = [explain(found, int(place), part, alpha) for place in shown]
    return tuple(
        map(
            Hit,
            [store.ids[row] for row in rows.tolist()],
            count(request.offset + 1),
            ranking.relevance[shown].tolist(),
            [TIERS[grade] for grade in ranking.grades[shown].tolist()],
            store.lines(rows),
            explanations,
        )
    )


def explain(
    found: Candidates, place: int, part: ModeCalibration, alpha: float | None
) -> Explanation:
    """How the candidate at `place` came by its relevance; `alpha` is None for one arm alone."""
    substitute, exact = part.link.probabilities(found.scores[place : place + 1])
    return Explanation(
        semantic=None if found.semantic is None else float(found.semantic[place]),
        lexical=None if found.lexical is None else float(found.lexical[place]),
        alpha=alpha,
        score=float(found.scores[place]),
        p_exact=float(exact[0]),
        p_at_least_substitute=float(substitute[0]),
        thresholds={
            "exact": part.thresholds.exact,
            "substitute": part.thresholds.substitute,
        },
    )

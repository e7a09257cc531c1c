"""The queries that hybrid search serves worst, taken apart: what it shows, and what it misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from catalog.model import Grade
from index.calibration import TIERS
from index.engine import Engine
from index.evaluating.asking import Qrels
from index.evaluating.figures import Figures
from index.request import Hit, SearchRequest

HITS = 10
_BY = "ndcg@10"
_MISSED = 3
_FAR = 100  # the greatest `limit` of a search: ranks beyond are not looked up


def worst_queries(
    engine: Engine, qrels: Qrels, figures: Figures, most: int
) -> list[dict[str, Any]]:
    """The `most` queries of lowest hybrid nDCG@10, worst first, ties in the order of judgments."""
    values = figures.values["hybrid"][_BY]
    order = np.argsort(values, kind="stable")[:most]
    return [_taken_apart(engine, qrels, figures, int(place)) for place in order]


def _taken_apart(engine: Engine, qrels: Qrels, figures: Figures, place: int) -> dict[str, Any]:
    query = figures.queries[place]
    grades = qrels[query]
    request = SearchRequest(query, limit=_FAR, min_tier="irrelevant", explain=True)
    result = engine.search(request)
    counts = [list(grades.values()).count(grade) for grade in Grade]
    ranked = [_hit(hit, grades) for hit in result.hits]
    below = [hit for hit in ranked[HITS:] if hit["grade"] == Grade.EXACT]
    found = {hit["id"] for hit in ranked}
    never = [name for name, g in grades.items() if g == Grade.EXACT and name not in found]
    return {
        "query": query,
        **{_BY: {mode: float(of_mode[_BY][place]) for mode, of_mode in figures.values.items()}},
        "judged": dict(zip(TIERS, counts, strict=True)),
        "slices": list(figures.slices[place]),
        "no_confident_match": result.no_confident_match,
        "plan": dict(result.plan),
        "hits": ranked[:HITS],
        "missed": [*below, *_unranked(engine, request, never)][:_MISSED],
        "missed_in_all": len(below) + len(never),
    }


def _hit(hit: Hit, grades: Mapping[str, int]) -> dict[str, Any]:
    grade = grades.get(hit.id)
    return {
        "rank": hit.rank,
        "id": hit.id,
        "title": str(hit.product.get("title", "")),
        "grade": grade,
        "tier": hit.tier,
        "relevance": hit.relevance,
        **({} if hit.explain is None else asdict(hit.explain)),
    }


def _unranked(engine: Engine, request: SearchRequest, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Products beyond the hundredth hit, best first, scored as the search would."""
    store = engine.bundle.store
    rows = np.array([row for name in ids if (row := store.row(name)) is not None], np.int64)
    prepared = engine.prepare(request)
    if not len(rows) or not prepared.has_words:
        return []
    vector = engine.encode(prepared) if prepared.needs_vector else None
    found = engine.pairs(prepared.terms, vector, prepared.mode, rows)
    part = engine.calibration.part(prepared.part(prepared.mode), prepared.wishes)
    at_least_1, exactly_2 = part.link.probabilities(found.scores)
    relevance = part.link.relevance(found.scores)
    tiers = part.thresholds.grades(relevance)
    products = [store.fetch(row) for row in rows]
    return [
        {
            "rank": None,
            "id": store.ids[int(rows[place])],
            "title": str(products[place].get("title", "")),
            "grade": int(Grade.EXACT),
            "tier": TIERS[int(tiers[place])],
            "relevance": float(relevance[place]),
            "semantic": None if found.semantic is None else float(found.semantic[place]),
            "lexical": None if found.lexical is None else float(found.lexical[place]),
            "alpha": engine.calibration.alpha if prepared.mode == "hybrid" else None,
            "score": float(found.scores[place]),
            "p_exact": float(exactly_2[place]),
            "p_at_least_substitute": float(at_least_1[place]),
            "thresholds": asdict(part.thresholds),
        }
        for place in np.argsort(-found.scores, kind="stable")
    ]

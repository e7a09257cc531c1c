"""Judged pairs scored as a search would, and what tiers and calibration make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.margins import margins
from catalog.model import Grade
from index.calibration import TIERS, Calibration
from index.engine import Engine
from index.pair_measures import (
    auc,
    brier_skill,
    confusion,
    expected_calibration_error,
    ranked_probability_skill,
)
from index.pairs import Pairs, collect_pairs
from index.request import SearchRequest
from index.retrieval import semantic_scores

Qrels = Mapping[str, Mapping[str, int]]
Scores = NDArray[np.float64]

OVERLAP = 0.7  # token overlap from which the paper measures its margins


@dataclass(frozen=True)
class JudgedPairs:
    """Judged pairs known to the index as parallel arrays; `query` numbers the queries.

    `score` is the hybrid one; `overlap` the share of the query's words that the title holds.
    """

    score: Scores
    semantic: Scores
    grade: NDArray[np.int64]
    query: NDArray[np.int64]
    overlap: Scores
    relevance: Scores
    at_least_1: Scores
    exactly_2: Scores
    tier: NDArray[np.int64]


def judged_pairs(engine: Engine, qrels: Qrels) -> JudgedPairs:
    """Score every judged pair as a hybrid search would, retrieved or not."""
    columns: list[tuple[Any, ...]] = []
    for number, (query, grades) in enumerate(qrels.items()):
        known = {
            row: grade
            for name, grade in grades.items()
            if (row := engine.bundle.store.row(name)) is not None
        }
        rows = np.array([*known], np.int64)
        prepared = engine.prepare(SearchRequest(query))
        vector = engine.encode(prepared)
        found = engine.pairs(prepared.terms, vector, prepared.mode, rows)
        part = engine.calibration.part(prepared.part(prepared.mode), prepared.wishes)
        at_least_1, exactly_2 = part.link.probabilities(found.scores)
        relevance = part.link.relevance(found.scores)
        columns.append(
            (
                found.scores,
                semantic_scores(engine.bundle, prepared.terms, vector, rows),
                np.array([*known.values()], np.int64),
                np.full(len(rows), number),
                _title_overlap(engine, query, rows),
                relevance,
                at_least_1,
                exactly_2,
                part.thresholds.grades(relevance),
            )
        )
    return JudgedPairs(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))


def pair_report(pairs: JudgedPairs) -> dict[str, Any]:
    """Tiers, calibration and margins on judged pairs (at least one)."""
    grade = pairs.grade
    counts = np.bincount(grade, minlength=len(TIERS))
    gains = grade / int(Grade.EXACT)
    cuts = {"substitute": (pairs.at_least_1, grade >= 1), "exact": (pairs.exactly_2, grade == 2)}
    close = pairs.overlap >= OVERLAP
    return {
        "tiers": {
            "pairs": len(grade),
            "accuracy": float((pairs.tier == grade).mean()),
            "majority": float(counts.max() / len(grade)),
            **_by_query(pairs),
            "confusion": confusion(grade, pairs.tier),
            "labels": list(TIERS),
        },
        "calibration": {
            "ece": expected_calibration_error(pairs.relevance, gains),
            "brier_skill": ranked_probability_skill(pairs.at_least_1, pairs.exactly_2, grade),
            "cuts": {
                name: {
                    "auc": auc(pairs.score, happened),
                    "ece": expected_calibration_error(forecast, happened.astype(np.float64)),
                    "brier_skill": brier_skill(forecast, happened),
                }
                for name, (forecast, happened) in cuts.items()
            },
        },
        "margins": {
            **_margins(pairs.score, pairs, np.ones(len(grade), bool)),
            "semantic": _margins(pairs.semantic, pairs, np.ones(len(grade), bool)),
            "semantic_overlap_70": _margins(pairs.semantic, pairs, close),
        },
    }


def _by_query(pairs: JudgedPairs) -> dict[str, float]:
    """Accuracy, and that of the best single grade, with every query weighing the same."""
    _, number = np.unique(pairs.query, return_inverse=True)
    weight = 1.0 / np.bincount(number)[number]
    shares = np.bincount(pairs.grade, weight, minlength=len(TIERS)) / weight.sum()
    return {
        "accuracy_by_query": float(np.average(pairs.tier == pairs.grade, weights=weight)),
        "majority_by_query": float(shares.max()),
    }


@dataclass(frozen=True)
class Forecasts:
    """What a calibration says of pairs in a hybrid search, each (n,)."""

    score: Scores
    relevance: Scores
    at_least_1: Scores
    exactly_2: Scores
    tier: NDArray[np.int64]


def forecasts(calibration: Calibration, pairs: Pairs) -> Forecasts:
    """Forecasts of pairs, as if the catalogue knew every word of their queries."""
    score = calibration.alpha * pairs.semantic + (1.0 - calibration.alpha) * pairs.lexical
    relevance, at_least_1, exactly_2 = np.empty((3, len(score)))
    tier = np.empty(len(score), np.int64)
    for wishes in np.unique(pairs.wishes).tolist():
        own, part = pairs.wishes == wishes, calibration.part("hybrid", wishes)
        relevance[own] = part.link.relevance(score[own])
        at_least_1[own], exactly_2[own] = part.link.probabilities(score[own])
        tier[own] = part.thresholds.grades(relevance[own])
    return Forecasts(score, relevance, at_least_1, exactly_2, tier)


def population_report(engine: Engine, qrels: Qrels) -> dict[str, Any]:
    """Calibration on judged pairs plus as many drawn ones as the fit takes, the latter as grade 0.

    Judged products are all plausible; this is the wider population that relevance speaks of.
    `random_kept` is the share of drawn products that reach a tier above irrelevant.
    """
    pairs = collect_pairs(engine, qrels)
    said = forecasts(engine.calibration, pairs)
    kept = said.tier[pairs.assumed] > 0
    return {
        "pairs": len(said.score),
        "ece": expected_calibration_error(said.relevance, pairs.grade / int(Grade.EXACT)),
        "brier_skill": ranked_probability_skill(said.at_least_1, said.exactly_2, pairs.grade),
        "random_kept": float(kept.mean()) if len(kept) else float("nan"),
    }


def _margins(scores: Scores, pairs: JudgedPairs, kept: NDArray[np.bool_]) -> dict[str, Any]:
    average, worst, queries = margins(scores[kept], pairs.grade[kept], pairs.query[kept])
    return {"avg": average, "worst": worst, "queries": queries}


def _title_overlap(engine: Engine, query: str, rows: NDArray[np.int64]) -> Scores:
    analyser = engine.bundle.lexical.analyser
    wanted = {term for term, _ in analyser.query_terms(query).counts}
    titles = (product.title for product in engine.bundle.store.products(rows.tolist()))
    return np.array(
        [
            len(wanted.intersection(analyser.product_terms(title)[0])) / max(1, len(wanted))
            for title in titles
        ]
    )

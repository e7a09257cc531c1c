"""Measuring an index against judgments: retrieval over the whole catalogue, and judged pairs.

The same `Engine` that serves answers, with nothing cut: no tier, no cache, depth 200.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.measures import bootstrap_mean, evaluate_run, paired_bootstrap, qrels_of
from catalog.model import Grade
from catalog.readers import Issues, read_judgments
from catalog.split import query_hash
from index.analysis import query_terms, stem, words
from index.calibration import MODES, TIERS, Mode
from index.engine import Engine
from index.pair_measures import (
    auc,
    brier_skill,
    confusion,
    expected_calibration_error,
    margins,
    ranked_probability_skill,
)
from index.progress import progress
from index.request import SearchRequest

Qrels = Mapping[str, Mapping[str, int]]
Scores = NDArray[np.float64]

DEPTH = 200
OVERLAP = 0.7  # token overlap from which the paper measures its margins


def evaluate(
    engine: Engine,
    qrels: Qrels,
    *,
    train_queries: frozenset[str] = frozenset(),
    advance: Callable[[int], None] = lambda _done: None,
) -> dict[str, Any]:
    """The whole report as JSON values; NaN is None.

    Gains 1, ½, 0; a product nobody judged counts 0; a query without an answer counts 0. Intervals
    are 95 % bootstraps over queries.
    """
    runs: dict[Mode, dict[str, list[str]]] = {mode: {} for mode in MODES}
    for query in qrels:
        for mode in MODES:
            runs[mode][query] = [hit[0] for hit in engine.retrieve(query, mode, DEPTH)]
        advance(1)
    values = {mode: evaluate_run(qrels, run) for mode, run in runs.items()}
    report: dict[str, Any] = {
        "queries": len(qrels),
        "judged_pairs": sum(len(grades) for grades in qrels.values()),
        "products": len(engine.bundle.store),
        "depth": DEPTH,
        "index": engine.bundle.version,
        "encoder": engine.bundle.encoder_fingerprint,
        "calibration_name": engine.calibration.name,
        "alpha": engine.calibration.alpha,
        "overlap": _overlap(engine, qrels, train_queries),
        "modes": {
            mode: {name: bootstrap_mean(found).record() for name, found in of_mode.items()}
            for mode, of_mode in values.items()
        },
        "difference_to_lexical": {
            mode: {
                name: paired_bootstrap(found, values["lexical"][name]).record()
                for name, found in values[mode].items()
            }
            for mode in MODES
            if mode != "lexical"
        },
    }
    judged = judged_pairs(engine, qrels)
    of_pairs = pair_report(engine, judged) if len(judged.grade) else {}
    return {name: _without_nan(part) for name, part in (report | of_pairs).items()}


def evaluate_index(
    index: Path, qrels: Path, *, strict: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Evaluate the index at `index` on a judgment file: the report, and notes on that file.

    Judgments of products that the index does not hold are left out and counted in the notes.

    Raises JudgmentError, BundleError, or GradusError when ir_measures is not installed.
    """
    engine = Engine.open(index)
    issues = Issues()
    known = frozenset(engine.bundle.store.ids)
    judged = qrels_of(read_judgments(qrels, known_products=known, strict=strict, issues=issues))
    notes = [f"judgments: {issues.summary()}"] if issues.total else []
    trained: frozenset[str] = getattr(engine.encoder, "train_queries", frozenset())
    with progress("evaluating", len(judged), "queries") as advance:
        return evaluate(engine, judged, train_queries=trained, advance=advance), notes


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
        part = engine.calibration.modes[prepared.mode]
        at_least_1, exactly_2 = part.link.probabilities(found.scores)
        relevance = part.link.relevance(found.scores)
        columns.append(
            (
                found.scores,
                engine.bundle.dense.score(vector, rows),
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


def pair_report(engine: Engine, pairs: JudgedPairs) -> dict[str, Any]:
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


def _margins(scores: Scores, pairs: JudgedPairs, kept: NDArray[np.bool_]) -> dict[str, Any]:
    average, worst, queries = margins(scores[kept], pairs.grade[kept], pairs.query[kept])
    return {"avg": average, "worst": worst, "queries": queries}


def _title_overlap(engine: Engine, query: str, rows: NDArray[np.int64]) -> Scores:
    wanted = {term for term, _ in query_terms(query).counts}
    titles = (product.title for product in engine.bundle.store.products(rows.tolist()))
    return np.array(
        [
            len(wanted & {stem(word) for word in words(title)}) / max(1, len(wanted))
            for title in titles
        ]
    )


def _overlap(engine: Engine, qrels: Qrels, train_queries: frozenset[str]) -> dict[str, int]:
    """How many of these queries the encoder or the calibration has seen."""
    hashes = {query_hash(query) for query in qrels}
    return {
        "trained": len(hashes & train_queries),
        "calibrated": len(hashes & set(engine.calibration.queries)),
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value

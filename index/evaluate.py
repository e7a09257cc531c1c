"""Measuring an index against judgments: retrieval over the whole catalogue, and judged pairs.

The same `Engine` that serves answers, with nothing cut: no tier, no cache, depth 200.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from catalog.measures import bootstrap_mean, evaluate_run, paired_bootstrap, qrels_of
from catalog.readers import Issues, read_judgments
from catalog.split import query_hash
from index.calibration import MODES, Mode
from index.engine import Engine
from index.judged_pairs import judged_pairs, pair_report, population_report
from index.nonsense import nonsense_queries
from index.progress import progress
from index.request import SearchRequest

Qrels = Mapping[str, Mapping[str, int]]

DEPTH = 200
NONSENSE = 100


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
        "nonsense": _nonsense(engine),
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
    of_pairs = pair_report(judged) if len(judged.grade) else {}
    if of_pairs:
        of_pairs["calibration"]["with_unjudged"] = population_report(engine, qrels)
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


def _nonsense(engine: Engine) -> dict[str, float | int]:
    """How often a query of random letters gets no confident match, as it should."""
    queries = nonsense_queries(engine.bundle.lexical, NONSENSE, seed=2)
    silent = [engine.search(SearchRequest(query)).no_confident_match for query in queries]
    return {"queries": len(queries), "no_confident_match": sum(silent) / len(silent)}


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

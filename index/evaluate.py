"""Measuring an index against judgments: retrieval over the whole catalogue, and judged pairs.

The same `Engine` that serves answers, with nothing cut: no tier, no cache, depth 200. What the
report holds is told in docs/evaluation.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.errors import JudgmentError
from catalog.measures import qrels_of
from catalog.readers import Issues, read_judgments
from index.calibrate import known_judgments
from index.engine import Engine
from index.evaluating.asking import DEPTH, Qrels, ask
from index.evaluating.compare import check_same_products, compare
from index.evaluating.diagram import Panels, panels
from index.evaluating.extras import Extras
from index.evaluating.figures import Figures, figures_of
from index.evaluating.misspelt import misspell, misspelt_report
from index.evaluating.overlap import overlaps_of
from index.evaluating.populations import charts, population_reports
from index.evaluating.returned import returned_reports
from index.evaluating.seen import check_unseen, seen, trained_on
from index.evaluating.slice_report import product_slice_report, slice_report
from index.evaluating.slices import memberships, query_slices
from index.evaluating.summary import differences, means
from index.evaluating.table_file import read_figures
from index.evaluating.worst import worst_queries
from index.judged_pairs import judged_pairs, pair_report, population_report
from index.nonsense import nonsense_queries
from index.progress import progress
from index.request import SearchRequest

SCHEMA = 2
NONSENSE = 100


@dataclass(frozen=True)
class Evaluation:
    """The report as JSON values, in which NaN is None, and the figures query by query.

    `panels` are the curves of the reliability diagram.
    """

    report: dict[str, Any]
    figures: Figures
    panels: Panels


def evaluate(
    engine: Engine,
    qrels: Qrels,
    *,
    train_queries: frozenset[str] = frozenset(),
    extras: Extras | None = None,
    advance: Callable[[int], None] = lambda _done: None,
) -> Evaluation:
    """Measure `engine` by `qrels`. Judgments of products that it does not hold are left out.

    Gains 1, ½, 0; a product nobody judged counts 0; a query without an answer counts 0. Intervals
    are 95 % bootstraps over queries, seeded: the same index and judgments give the same report.

    Raises:
        JudgmentError: no judged product is in the index.

    """
    extras = extras or Extras()
    qrels = known_judgments(qrels, engine.bundle.store)
    if not qrels:
        raise JudgmentError("no judged product is in this index")
    answers = ask(engine, qrels, advance=advance)
    overlaps = overlaps_of(engine, qrels)
    slices = query_slices(engine, qrels, overlaps, extras.demand)
    figures = figures_of(qrels, answers, memberships(slices, len(qrels)))
    report = {
        "schema": SCHEMA,
        "queries": len(qrels),
        "judged_pairs": sum(figures.judged),
        "products": len(engine.bundle.store),
        "depth": DEPTH,
        "index": engine.bundle.version,
        "encoder": engine.bundle.encoder_fingerprint,
        "calibration_name": engine.calibration.name,
        "alpha": engine.calibration.alpha,
        "alpha_interval": list(engine.calibration.alpha_interval),
        "policy": engine.calibration.policy,
        "overlap": seen(engine, qrels, train_queries).counts(),
        "nonsense": _nonsense(engine),
        "modes": means(figures),
        "difference_to_lexical": differences(figures),
        "difference_to_semantic": differences(figures, behind="semantic"),
        "slices": [
            *slice_report(figures, slices),
            *product_slice_report(qrels, answers, overlaps),
        ],
        "populations": population_reports(answers, engine.calibration.base_rates),
        "returned": returned_reports(answers, len(qrels)),
        "charts": charts(answers["hybrid"], -engine.calibration.alpha),
        "worst": worst_queries(engine, qrels, figures, extras.worst),
        **_of_pairs(engine, qrels),
    }
    if extras.misspell is not None:
        slipped = misspell(qrels, extras.misspell)
        report["misspelt"] = misspelt_report(engine, qrels, figures, slipped, advance)
    whole = {name: _without_nan(part) for name, part in report.items()}
    return Evaluation(whole, figures, panels(answers["hybrid"]))


def evaluate_index(
    index: Path,
    qrels: Path,
    *,
    strict: bool = False,
    extras: Extras | None = None,
    other: Path | None = None,
    allow_in_sample: bool = False,
) -> tuple[Evaluation, list[str]]:
    """Evaluate the index at `index` on a judgment file: the evaluation, and notes on that file.

    Judgments of products that the index does not hold are left out and counted in the notes.
    `other` is an index of the same products, or a file of per-query figures, to compare with.
    Queries that either index has seen are refused, unless `allow_in_sample`: then they are counted.

    Raises JudgmentError, BundleError, or GradusError when `other` cannot be compared with or
    ir_measures is not installed.
    """
    extras = extras or Extras()
    engine = Engine.open(index)
    other_engine = Engine.open(other) if other is not None and other.is_dir() else None
    if other_engine is not None:
        check_same_products(engine.bundle, other_engine.bundle)
    theirs = read_figures(other) if other is not None and other_engine is None else None
    issues = Issues()
    known = frozenset(engine.bundle.store.ids)
    judged = qrels_of(read_judgments(qrels, known_products=known, strict=strict, issues=issues))
    notes = [f"judgments: {issues.summary()}"] if issues.total else []
    if not allow_in_sample:
        for one in filter(None, (engine, other_engine)):
            check_unseen(one, judged, qrels)
    rounds = 1 + 2 * (extras.misspell is not None) + (other_engine is not None)
    with progress("evaluating", rounds * len(judged), "queries") as advance:
        found = evaluate(
            engine, judged, train_queries=trained_on(engine), extras=extras, advance=advance
        )
        if other_engine is not None:
            theirs = figures_of(judged, ask(other_engine, judged, advance=advance))
    if theirs is not None and other is not None:
        second = str(other) if other_engine is None else _name(other_engine, other)
        comparison = compare(found.figures, theirs, _name(engine, index), second)
        found.report["comparison"] = _without_nan(comparison)
    return found, notes


def compare_files(first: Path, second: Path) -> dict[str, Any]:
    """Compare two files of per-query figures. Raises GradusError."""
    found: dict[str, Any] = _without_nan(
        compare(read_figures(first), read_figures(second), str(first), str(second))
    )
    return found


def _name(engine: Engine, path: Path) -> str:
    return f"{path} ({engine.bundle.version})"


def _of_pairs(engine: Engine, qrels: Qrels) -> dict[str, Any]:
    found = pair_report(judged_pairs(engine, qrels))
    found["calibration"]["with_unjudged"] = population_report(engine, qrels)
    return found


def _nonsense(engine: Engine) -> dict[str, float | int]:
    """How often a query of random letters gets no confident match, as it should."""
    queries = nonsense_queries(engine.bundle.lexical, NONSENSE, seed=2)
    silent = [engine.search(SearchRequest(query)).no_confident_match for query in queries]
    return {"queries": len(queries), "no_confident_match": sum(silent) / len(silent)}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value

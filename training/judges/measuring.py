"""Measuring a judge on judgments of queries that it has not seen, beside what it has to beat."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from catalog.issues import Issues
from catalog.model import Product
from catalog.split import query_hash
from training.corpus import Graded
from training.judge import Judge
from training.judges.baseline import LexicalFeatures, Logistic, majority
from training.judges.cross_training import flat
from training.judges.inputs import read_goods, read_graded
from training.judges.opening import OpenJudge
from training.judges.report import as_answers, compared
from training.judges.seen import refuse_seen


def report_on(
    opened: Callable[[Sequence[Product]], AbstractContextManager[OpenJudge]],
    *,
    products: Sequence[Path],
    qrels: Sequence[Path],
    train_qrels: Sequence[Path],
    layout: str | None,
    strict: bool,
    out: Path,
    say: Callable[[str], None],
) -> None:
    """Have a judge grade every pair of `qrels` and write what its grades are worth to `out`.

    Raises:
        CatalogError, JudgmentError: an input file cannot be used; a query of `qrels` has trained
            the judge or is in `train_qrels`, too.
        TrainingError, BundleError: the judge cannot be used.

    """
    issues = Issues()
    goods = read_goods(products, layout, strict=strict, issues=issues)
    position = {product.id: place for place, product in enumerate(goods)}
    held_out = read_graded(qrels, position, strict=strict, issues=issues)
    train = read_graded(train_qrels, position, strict=strict, issues=issues)
    if issues.total:
        say(issues.summary())
    refuse_seen(frozenset(map(query_hash, train)), held_out, "--train-qrels")
    with opened(goods) as judge:
        refuse_seen(judge.seen, held_out, judge.source)
        report = {"source": judge.source, **measured(judge.judge, goods, held_out, train)}
        for line in filter(None, (judge.spent(), judge.stopped())):
            say(line)
    dump(out, report)
    say(summary(report))


def measured(
    judge: Judge, products: Sequence[Product], held_out: Graded, train: Graded
) -> dict[str, Any]:
    """The report of a judge on held-out judgments beside the baselines.

    Without training judgments the only baseline is the commonest grade of the held-out ones,
    the best that one grade for all can do.
    """
    pairs, grades = flat(held_out)
    queries, truth = [query for query, _ in pairs], np.array(grades, np.int64)
    answers = as_answers(judge.grade(pairs))
    learned, known = flat(train)
    known_grades = np.array(known, np.int64)
    baselines = {"majority": majority(known_grades if len(known) else truth, len(truth))}
    if learned:
        features = LexicalFeatures(products)
        model = Logistic.fit(features.of(learned), known_grades)
        baselines["lexical"] = model.grade(features.of(pairs))
    return compared(queries, truth, answers, baselines)


def headline(report: dict[str, Any]) -> dict[str, Any]:
    """Accuracy and within-one of the judge for the manifest; empty when nothing was measured."""
    judge = report.get("judge")
    return {name: judge[name]["value"] for name in ("accuracy", "within_one")} if judge else {}


def summary(report: dict[str, Any]) -> str:
    """A table for people: the judge, then each baseline."""
    if "judge" not in report:
        return "not measured: no query was kept out"
    rows = {"judge": report["judge"], **report["baselines"]}
    lines = [f"{report['judge']['pairs']} pairs of {report['judge']['queries']} queries"]
    for name, row in rows.items():
        figures = "  ".join(f"{key} {shown(row[key])}" for key in ("accuracy", "within_one"))
        lines.append(f"  {name:9} {figures}  coverage {shown(row['coverage'])}")
        if "gain" in row:
            lines.append(f"  {'':9} judge − {name}: accuracy {shown(row['gain']['accuracy'])}")
    return "\n".join(lines)


def shown(figure: dict[str, float | None]) -> str:
    """A figure with its interval."""
    value, low, high = (figure[name] for name in ("value", "low", "high"))
    if value is None:
        return "none"
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def dump(path: Path, body: Any) -> None:
    """Write JSON beside `path` and rename: a reader sees a whole file or the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)

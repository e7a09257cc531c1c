"""What the calibration of an index is worth on judged queries, on nonsense, and off the catalogue.

    python benchmarks/calibration_quality.py --index INDEX --qrels QRELS --real QUERIES \
        --out FILE.json

`--qrels` are judged queries that neither encoder nor calibration has seen; without them only
nonsense is asked. `--real` are queries (.txt, or a judgment file) that mean something: how many of
them find no confident match.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.measures import qrels_of
from catalog.readers import read_judgments
from index.calibrate import known_judgments
from index.calibrating.skill import calibration_error, skill_over_base_rate
from index.engine import Engine
from index.judged_pairs import forecasts
from index.nonsense import half_known_queries, nonsense_queries, title_words
from index.pair_measures import confusion
from index.pairs import collect_pairs
from index.request import SearchRequest

SEED = 11  # the build draws its nonsense with another
OFF_CATALOGUE = Path(__file__).with_name("off_catalogue.txt")


def silent(engine: Engine, queries: list[str]) -> dict[str, Any]:
    heard = [query for query in queries if not no_match(engine, query)]
    return {
        "queries": len(queries),
        "no_confident_match": 1.0 - len(heard) / max(1, len(queries)),
        "answered": heard[:40],
    }


def no_match(engine: Engine, query: str) -> bool:
    return engine.search(SearchRequest(query)).no_confident_match


def best_accuracy(score: NDArray[np.float64], grade: NDArray[np.int64]) -> float:
    """Accuracy of the best two cuts that hindsight allows: no tier of one score does better."""
    cuts = np.unique(np.quantile(score, np.linspace(0, 1, 400)))
    order = np.argsort(score)
    at = np.searchsorted(score[order], cuts)
    below = np.array([np.concatenate([[0], np.cumsum(grade[order] == g)])[at] for g in range(3)])
    totals = np.bincount(grade, minlength=3)
    first = below[0] - below[1]
    second = np.maximum.accumulate(first)  # the best lower cut for each upper one
    return float((second + below[1] + totals[2] - below[2]).max() / len(grade))


def judged(engine: Engine, path: Path) -> dict[str, Any]:
    qrels = known_judgments(qrels_of(read_judgments(path)), engine.bundle.store)
    pairs = collect_pairs(engine, qrels)
    of_pairs = forecasts(engine.calibration, pairs)
    score, tier = of_pairs.score, of_pairs.tier
    at_least_1, exactly_2 = of_pairs.at_least_1, of_pairs.exactly_2
    real = ~pairs.assumed
    grade, query = pairs.grade[real], pairs.query[real]
    base = engine.calibration.base_rates
    said = (at_least_1[real], exactly_2[real], grade)
    right = tier[real] == grade
    weight = 1.0 / np.bincount(query)[query]
    everything = np.bincount(pairs.grade)
    return {
        "queries": len(qrels),
        "pairs": int(real.sum()),
        "skill_over_own_shares": asdict(skill_over_base_rate(*said, query)),
        "skill_over_constant": asdict(skill_over_base_rate(*said, query, base)),
        "error": asdict(calibration_error(*said, base)),
        "tiers": {
            "accuracy": float(right.mean()),
            "majority": float(np.bincount(grade).max() / len(grade)),
            "best_possible": best_accuracy(score[real], grade),
            "accuracy_queries_alike": float(np.average(right, weights=weight)),
            "majority_queries_alike": float(np.bincount(grade, weight).max() / weight.sum()),
            "with_drawn": float((tier == pairs.grade).mean()),
            "majority_with_drawn": float(everything.max() / len(pairs.grade)),
            "confusion": confusion(grade, tier[real]),
        },
        "with_drawn": asdict(skill_over_base_rate(at_least_1, exactly_2, pairs.grade, pairs.query)),
        "random_at_least_1": float(at_least_1[~real].mean()),
        "random_kept": float((tier[~real] > 0).mean()),
        "relevant_kept": float((tier[real][grade > 0] > 0).mean()),
        "lost": silent(engine, list(qrels)),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--index", type=Path, required=True)
    options.add_argument("--qrels", type=Path)
    options.add_argument("--real", type=Path)
    options.add_argument("--each", type=int, default=250, help="nonsense queries of each sort")
    options.add_argument("--out", type=Path)
    asked = options.parse_args()
    engine = Engine.open(asked.index)
    lexical = engine.bundle.lexical
    lent = title_words(engine.bundle.store, SEED)
    report: dict[str, Any] = {
        "calibration": engine.calibration.name,
        "alpha": engine.calibration.alpha,
        "policy": engine.calibration.policy,
        "nonsense": silent(engine, nonsense_queries(lexical, asked.each, SEED, lent)),
        "half_known": silent(engine, half_known_queries(lexical, asked.each, SEED, lent)),
        "off_catalogue": silent(engine, OFF_CATALOGUE.read_text().splitlines()),
    }
    if asked.real:
        lines = asked.real.read_text().splitlines()
        queries = lines if asked.real.suffix == ".txt" else [*qrels_of(read_judgments(asked.real))]
        report["real"] = silent(engine, queries)
    if asked.qrels:
        report["judged"] = judged(engine, asked.qrels)
    text = json.dumps(report, indent=1)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""How often a promise of precision is kept: simulated draws of the queries that calibrate.

    python benchmarks/policy_coverage.py --index INDEX --qrels CALIBRATION.tsv --qrels TEST.tsv \
        --out FILE.json

All judged queries given are taken for all there are, so that the precision of a cut is known. Each
draw takes queries from them with replacement and does what a build does: weight of the arms, weight
of the drawn pairs, link, cuts above what nonsense reaches, cut by policy. A promise is kept when
the hits that *all* queries are shown as exact (first pages, hybrid) are so in the share promised.
Use judgments that hold every exact product, as the demo's do.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.measures import qrels_of
from catalog.readers import read_judgments
from index.alpha import GRID, choose_alpha, ndcg_by_alpha
from index.calibrate import keep_company, known_judgments
from index.calibrating.found import FirstPages, first_pages
from index.calibrating.modes import Company, cuts_above, shown_by
from index.calibrating.policies import Policy, lowest_cut
from index.engine import Engine
from index.link_fit import drawn_weight, fit_link
from index.pairs import Pairs, collect_pairs
from index.request import SearchRequest

POLICIES = ("0.5@0.9", "0.6@0.9", "0.7@0.9", "0.8@0.9", "0.7@0.95", "0.6@0.8", "0.7@0.8")


def resampled(pairs: Pairs, starts: NDArray[np.int64], drawn: NDArray[np.int64]) -> Pairs:
    rows = [np.arange(starts[query], starts[query + 1]) for query in drawn]
    columns = {name: getattr(pairs, name)[np.concatenate(rows)] for name in vars(pairs)}
    columns["query"] = np.repeat(np.arange(len(drawn)), [len(of) for of in rows])
    return Pairs(**columns)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--index", type=Path, required=True)
    options.add_argument("--qrels", type=Path, action="append", required=True)
    options.add_argument("--draws", type=int, default=1000)
    options.add_argument("--queries", type=int, default=500, help="in a draw")
    options.add_argument("--out", type=Path)
    asked = options.parse_args()
    began = perf_counter()
    engine = Engine.open(asked.index)
    found = {}
    for path in asked.qrels:
        found |= qrels_of(read_judgments(path))
    qrels = {
        query: grades
        for query, grades in known_judgments(found, engine.bundle.store).items()
        if engine.prepare(SearchRequest(query)).known_words
    }
    curves = np.array([ndcg_by_alpha(engine, query, grades) for query, grades in qrels.items()])
    pairs = collect_pairs(engine, qrels)
    starts = np.searchsorted(pairs.query, np.arange(len(qrels) + 1))
    pages: dict[float, FirstPages] = {}
    company: dict[float, Company] = {}
    kept: dict[str, list[dict[str, Any]]] = {name: [] for name in POLICIES}
    rng = np.random.default_rng(0)
    for _ in range(asked.draws):
        drawn = rng.integers(len(qrels), size=asked.queries)
        alpha = float(GRID[np.abs(GRID - choose_alpha(curves[drawn]).alpha).argmin()])
        if alpha not in pages:
            by_mode = first_pages(engine, qrels, alpha)
            pages[alpha] = by_mode["hybrid"]
            company[alpha] = keep_company(engine, by_mode, alpha)
        mine = resampled(pairs, starts, drawn)
        score = alpha * mine.semantic + (1 - alpha) * mine.lexical
        of_draw = (score, mine.grade, -alpha, 1.0, mine.query, mine.assumed)
        link = fit_link(*of_draw, drawn_weight(*of_draw))
        ours = pages[alpha].of(drawn)
        near = replace(company[alpha], real={"hybrid": ours.top})
        cuts, half_known = cuts_above(link, "hybrid", link.relevance(score), mine.grade, near)
        everyone = shown_by(link, pages[alpha], half_known.substitute)
        some = shown_by(link, ours, half_known.substitute)
        for name in POLICIES:
            policy = Policy.parse(f"precision(exact)>={name}")
            promise = lowest_cut(some, policy.precision or 0.0, policy.confidence, cuts.substitute)
            if promise is None:
                continue
            called = everyone.relevance >= promise.cut
            true = float(everyone.exact[called].mean())
            kept[name].append(
                {"cut": round(promise.cut, 4), "true": round(true, 4), "hits": int(called.sum())}
            )
    report = {
        "population": len(qrels),
        "queries": asked.queries,
        "draws": asked.draws,
        "seconds": perf_counter() - began,
        "policies": {name: summary(name, given, asked.draws) for name, given in kept.items()},
        "raw": kept,
    }
    for name, of_policy in report["policies"].items():
        print(name, of_policy)
    if asked.out:
        asked.out.write_text(json.dumps(report) + "\n")


def summary(name: str, given: list[dict[str, Any]], draws: int) -> dict[str, float | None]:
    """`coverage`: share of the promises given that were kept; `broken`: share of all draws."""
    precision = float(name.partition("@")[0])
    right = [one["true"] >= precision for one in given]
    return {
        "given": len(given) / draws,
        "coverage": float(np.mean(right)) if given else None,
        "broken": (len(right) - sum(right)) / draws,
        "mean_precision": float(np.mean([one["true"] for one in given])) if given else None,
        "mean_hits": float(np.mean([one["hits"] for one in given])) if given else None,
    }


if __name__ == "__main__":
    main()

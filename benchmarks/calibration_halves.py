"""Half of the judged queries calibrate, the other half is measured; many times over.

Says how a calibration of so few queries holds on others, without a test file. Use an index whose
encoder has seen none of these queries:

    python benchmarks/calibration_halves.py --index INDEX --qrels QRELS --out FILE.json
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.measures import qrels_of
from catalog.readers import read_judgments
from catalog.split import query_hash
from index.alpha import GRID, choose_alpha, ndcg_by_alpha
from index.calibrate import keep_company, known_judgments
from index.calibrating.found import first_pages
from index.calibrating.modes import fit_modes
from index.calibrating.skill import calibration_error, skill_over_base_rate
from index.calibration import Calibration
from index.engine import Engine
from index.judged_pairs import forecasts
from index.pairs import Pairs, collect_pairs
from index.request import SearchRequest

MODES = ("lexical", "semantic", "hybrid")


def some(pairs: Pairs, kept: np.ndarray) -> Pairs:
    rows = np.isin(pairs.query, kept)
    return Pairs(*(getattr(pairs, name)[rows] for name in Pairs.__dataclass_fields__))


def measure(
    calibration: Calibration,
    pairs: Pairs,
    base: tuple[float, float],
    tops: NDArray[np.float64],
) -> dict[str, float]:
    found = forecasts(calibration, pairs)
    at_least_1, exactly_2 = found.at_least_1, found.exactly_2
    judged = ~pairs.assumed
    said = (at_least_1[judged], exactly_2[judged], pairs.grade[judged])
    own = skill_over_base_rate(*said, pairs.query[judged])
    constant = skill_over_base_rate(*said, pairs.query[judged], base)
    error = calibration_error(*said, base, draws=20)
    tiers, part = found.tier, calibration.modes["hybrid"]
    return {
        "skill_over_own_shares": own.value,
        "skill_over_constant": constant.value,
        **asdict(error),
        "random_at_least_1": float(at_least_1[~judged].mean()),
        "random_kept": float((tiers[~judged] > 0).mean()),
        "relevant_kept": float((tiers[judged & (pairs.grade > 0)] > 0).mean()),
        "tier_accuracy": float((tiers[judged] == pairs.grade[judged]).mean()),
        "majority": float(np.bincount(pairs.grade[judged]).max() / judged.sum()),
        "lost": float((part.link.relevance(tops) < part.thresholds.substitute).mean()),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--index", type=Path, required=True)
    arguments.add_argument("--qrels", type=Path, required=True)
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--out", type=Path)
    asked = arguments.parse_args()
    engine = Engine.open(asked.index)
    qrels = known_judgments(qrels_of(read_judgments(asked.qrels)), engine.bundle.store)
    trained = {query_hash(query) for query in qrels} & set(engine.encoder.train_queries)
    if trained:
        raise SystemExit(f"{len(trained)} of these queries trained the encoder of that index")
    curves = np.array([ndcg_by_alpha(engine, query, grades) for query, grades in qrels.items()])
    pairs = collect_pairs(engine, qrels)
    # Scores of a weight are needed only for weights that come up; company is kept for each.
    kept: dict[float, tuple] = {}
    rng = np.random.default_rng(0)
    rounds = []
    known = [engine.prepare(SearchRequest(query)).known_words for query in qrels]
    for _ in range(asked.rounds):
        order = rng.permutation(len(qrels))
        ours, theirs = order[: len(order) // 2], order[len(order) // 2 :]
        alpha = float(GRID[np.abs(GRID - choose_alpha(curves[ours]).alpha).argmin()])
        if alpha not in kept:
            pages = first_pages(engine, qrels, alpha)
            kept[alpha] = pages, keep_company(engine, pages, alpha)
        pages, company = kept[alpha]
        place = np.cumsum(known) - 1
        rows = [int(place[query]) for query in ours if known[query]]
        others = [int(place[query]) for query in theirs if known[query]]
        part_pages = {mode: of_mode.of(rows) for mode, of_mode in pages.items()}
        real = {mode: of_mode.top for mode, of_mode in part_pages.items()}
        mine = some(pairs, ours)
        fitted = fit_modes(mine, alpha, replace(company, real=real), part_pages)
        grades = mine.grade[~mine.assumed]
        base = (float((grades >= 1).mean()), float((grades == 2).mean()))
        tops = pages["hybrid"].scores[others, 0]
        ours_alone = Calibration(alpha, (0, 1), fitted.modes, "fitted", wishes=fitted.wishes)
        found = measure(ours_alone, some(pairs, theirs), base, tops)
        rounds.append({"alpha": alpha, **found})
    names = list(rounds[0])
    table = {name: np.array([one[name] for one in rounds]) for name in names}
    summary = {
        name: {
            "mean": float(values.mean()),
            "low": float(np.quantile(values, 0.05)),
            "high": float(np.quantile(values, 0.95)),
        }
        for name, values in table.items()
    }
    for name, values in summary.items():
        print(f"{name:24}{values['mean']:8.3f}   90 % of rounds in "
              f"[{values['low']:.3f}, {values['high']:.3f}]")  # fmt: skip
    positive = float((table["skill_over_constant"] > 0).mean())
    print(f"rounds with skill over the constant: {positive:.2f}")
    if asked.out:
        body = {"queries": len(qrels), "rounds": rounds, "summary": summary}
        asked.out.write_text(json.dumps(body, indent=1) + "\n")


if __name__ == "__main__":
    main()

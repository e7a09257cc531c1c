"""Records of runs to the table of the paper's shape: relative change against the base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catalog.measures import bootstrap_mean, paired_bootstrap
from training.ablation.arms import ARMS
from training.ablation.job import BASE, Record, means
from training.ablation.measuring import MARGINS
from training.separation import OVERLAP

RETRIEVAL = tuple(f"{name}@{depth}" for name in ("ndcg", "recall", "precision")
                  for depth in (10, 50, 100))  # fmt: skip
FULL = "full"


def summarise(records: Mapping[str, Mapping[int, Record]], test: str) -> dict[str, Any]:
    """Figures of one test file.

    For each arm: `mean` over seeds and queries with its 95 % bootstrap interval, `by_seed`,
    `relative` percent against the base, and `full_minus`, the paired difference of the full method
    to this arm, query by query, of nDCG@10.
    """
    values = {arm: _arrays(means(runs, test)) for arm, runs in records.items()}
    base = {name: bootstrap_mean(values[BASE][name]).mean for name in (*RETRIEVAL, *MARGINS)}
    summary: dict[str, Any] = {}
    for arm, of_arm in values.items():
        mean = {name: bootstrap_mean(of_arm[name]) for name in base}
        summary[arm] = {
            "mean": {name: interval.record() for name, interval in mean.items()},
            "by_seed": {str(seed): _ndcg(run, test) for seed, run in records[arm].items()},
            "relative": {
                name: round(100 * (mean[name].mean / base[name] - 1), 2)
                for name in RETRIEVAL if base[name]
            },
            "rate": next(iter(records[arm].values())).get("rate"),
        }  # fmt: skip
        if FULL in values and arm != FULL:
            difference = paired_bootstrap(values[FULL]["ndcg@10"], of_arm["ndcg@10"])
            summary[arm]["full_minus"] = difference.record()
    return summary


def markdown(summary: Mapping[str, Any], seeds: Sequence[int], queries: int) -> str:
    """The table for people: relative percent, both margins, and full less each arm."""
    compared = next(iter(summary.values()))["mean"]["avg_margin"]["count"]
    lines = [
        f"{queries} test queries, mean of {len(seeds)} seeds; percent against the base. Margins: "
        f"the {compared} queries with exact and irrelevant products of such titles.",
        "",
        "| arm | NDCG@10/50/100 | R@10/50/100 | P@10/50/100 "
        f"| avg margin (titles with ≥ {OVERLAP:.0%} of the query's words) | worst margin (same) | "
        "nDCG@10: full less this [95 %] |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in summary.items():
        what = "pre-trained base" if name == BASE else f"({ARMS[name].letter}) {ARMS[name].what}"
        cells = [
            "/".join(
                f"{row['relative'].get(f'{kind}@{depth}', 0.0):+.2f}" for depth in (10, 50, 100)
            )
            for kind in ("ndcg", "recall", "precision")
        ]
        cells += [_shown(row["mean"][margin]["mean"]) for margin in ("avg_margin", "worst_margin")]
        less = row.get("full_minus")
        cells.append(
            f"{less['mean']:+.4f} [{less['low']:+.4f}, {less['high']:+.4f}]" if less else "–"
        )
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _shown(margin: float | None) -> str:
    return "–" if margin is None else f"{margin:.3f}"


def _ndcg(run: Record, test: str) -> float:
    return round(float(np.nanmean(_array(run["tests"][test]["values"]["ndcg@10"]))), 5)


def _arrays(values: Mapping[str, Sequence[float | None]]) -> dict[str, Any]:
    return {name: _array(found) for name, found in values.items()}


def _array(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], np.float64)

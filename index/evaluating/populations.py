"""Forecasts measured apart on judged pairs, on what is shown, and on products drawn at random.

On judged pairs alone, which are all plausible, a calibration may look bad that is right where it
matters; on random pairs alone it looks good whatever it says. None of the three stands for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade
from index.calibrating.skill import Skill, calibration_error, skill_over_base_rate
from index.calibration import Mode
from index.evaluating.asking import Answers
from index.evaluating.forecasts import Forecasts, together
from index.pair_measures import ECE_BINS

BINS = 20


def population_reports(
    answers: Mapping[Mode, Answers], base: tuple[float, float] | None = None
) -> dict[str, Any]:
    """Mode → population (`judged`, `shown`, `random`) → its measures; see docs/evaluation.md.

    `base` are P(≥1) and P(=2) of the constant forecast that skill and ECE are held against.
    """
    return {
        mode: {
            "judged": population_report(of_mode.judged, base),
            "shown": population_report(of_mode.shown, base),
            "random": population_report(of_mode.drawn, base),
        }
        for mode, of_mode in answers.items()
    }


def population_report(said: Forecasts, base: tuple[float, float] | None = None) -> dict[str, Any]:
    """Sizes, tiers, calibration; `{"pairs": 0}` where there are none.

    `passed` is the share that reaches `substitute`; `substitute` and `exact` are mean probabilities
    beside the shares of pairs that are so. Without `base` the constant says those shares.
    """
    if not len(said):
        return {"pairs": 0}
    counts = np.bincount(said.grade, minlength=len(Grade))
    error = calibration_error(said.at_least_1, said.exactly_2, said.grade, base)
    skill = Skill(np.nan, np.nan, np.nan)  # of one grade and its own shares nothing is to forecast
    if base is not None or counts.max() < len(said):
        skill = skill_over_base_rate(said.at_least_1, said.exactly_2, said.grade, said.query, base)
    return {
        "pairs": len(said),
        "judged": float(said.judged.mean()),
        "grades": counts.tolist(),
        "tier_accuracy": float((said.tier == said.grade).mean()),
        "majority": float(counts.max() / len(said)),
        "ece": asdict(error),
        "skill": {"mean": skill.value, "low": skill.low, "high": skill.high},
        "substitute": {
            "said": float(said.at_least_1.mean()),
            "so": float((said.grade >= Grade.SUBSTITUTE).mean()),
        },
        "exact": {
            "said": float(said.exactly_2.mean()),
            "so": float((said.grade == Grade.EXACT).mean()),
        },
        "passed": float((said.tier > 0).mean()),
    }


def charts(answers: Answers, low: float) -> dict[str, Any]:
    """What a page draws of one mode whose scores lie from `low` to 1.

    `reliability`: population → cut → ten bins of equal mass, as `said` (mean probability), `so`
    (share) and `pairs`; `scores`: scores by grade in twenty equal bins, products that were drawn
    apart as `random`.
    """
    return {
        "reliability": {
            "judged": _reliability(answers.judged),
            "shown": _reliability(answers.shown),
        },
        "scores": _histograms(together([answers.judged, answers.drawn]), low),
    }


def _reliability(said: Forecasts) -> dict[str, list[dict[str, float]]]:
    cuts = {"substitute": (said.at_least_1, 1), "exact": (said.exactly_2, 2)}
    found = {}
    for name, (forecast, least) in cuts.items():
        order = np.argsort(forecast, kind="stable")
        found[name] = [
            {
                "said": float(forecast[rows].mean()),
                "so": float((said.grade[rows] >= least).mean()),
                "pairs": len(rows),
            }
            for rows in np.array_split(order, ECE_BINS)
            if len(rows)
        ]
    return found


def _histograms(said: Forecasts, low: float) -> dict[str, Any]:
    edges = np.linspace(low, 1.0, BINS + 1)
    rows = {str(g.value): said.judged & (said.grade == g) for g in Grade}
    rows["random"] = ~said.judged
    return {
        "low": low,
        "counts": {name: _counts(said.score[kept], edges) for name, kept in rows.items()},
    }


def _counts(scores: NDArray[np.float64], edges: NDArray[np.float64]) -> list[int]:
    found: list[int] = np.histogram(np.clip(scores, edges[0], 1.0), edges)[0].tolist()
    return found

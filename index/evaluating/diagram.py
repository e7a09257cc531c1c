"""What `--reliability` draws: what the hybrid said of judged pairs and first hits, and what was."""

from __future__ import annotations

from index.evaluating.asking import Answers
from index.evaluating.forecasts import Forecasts
from index.reliability import Curve, reliability

Panels = dict[str, dict[str, Curve]]


def panels(answers: Answers) -> Panels:
    """Population → cut → curve; a population without a pair is left out."""
    populations = {"judged pairs": answers.judged, "first 20 hits": answers.shown}
    return {title: _curves(said) for title, said in populations.items() if len(said)}


def _curves(said: Forecasts) -> dict[str, Curve]:
    return {
        "P(substitute or better)": reliability(said.at_least_1, said.grade >= 1, said.query),
        "P(exact)": reliability(said.exactly_2, said.grade == 2, said.query),
    }

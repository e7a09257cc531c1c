"""How well relevance and tiers speak the truth on judged pairs. Arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade

Scores = NDArray[np.float64]
Grades = NDArray[np.int64]

ECE_BINS = 10


def expected_calibration_error(forecast: Scores, outcome: Scores) -> float:
    """Mean distance of forecast and outcome over ten bins of equal mass, weighted by their size.

    Both (n,) in [0, 1]: relevance against gain, or a probability against 0 and 1.
    """
    order = np.argsort(forecast, kind="stable")
    bins = [rows for rows in np.array_split(order, ECE_BINS) if len(rows)]
    distances = [abs(forecast[rows].mean() - outcome[rows].mean()) * len(rows) for rows in bins]
    return float(sum(distances) / len(forecast))


def brier_skill(forecast: Scores, happened: NDArray[np.bool_]) -> float:
    """1 - Brier score / Brier score of always forecasting the share that happened.

    1 is perfect, 0 no better than the share, NaN when all or none happened.
    """
    outcome = happened.astype(np.float64)
    reference = float(((outcome.mean() - outcome) ** 2).mean())
    if reference == 0.0:
        return float("nan")
    return 1.0 - float(((forecast - outcome) ** 2).mean()) / reference


def ranked_probability_skill(at_least_1: Scores, exactly_2: Scores, grades: Grades) -> float:
    """Brier skill of both cuts together: their Brier scores added, against the shares' added."""
    forecasts = (at_least_1, exactly_2)
    outcomes = [(grades >= cut).astype(np.float64) for cut in (Grade.SUBSTITUTE, Grade.EXACT)]
    ours = sum(
        float(((forecast - outcome) ** 2).mean())
        for forecast, outcome in zip(forecasts, outcomes, strict=True)
    )
    shares = sum(float(((outcome.mean() - outcome) ** 2).mean()) for outcome in outcomes)
    return 1.0 - ours / shares if shares else float("nan")


def auc(scores: Scores, happened: NDArray[np.bool_]) -> float:
    """Chance that a pair where it happened scores above one where it did not; ties count half."""
    yes, no = int(happened.sum()), int((~happened).sum())
    if not yes or not no:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(middle_ranks[place][happened].sum())
    return (rank_sum - yes * (yes + 1) / 2) / (yes * no)


def confusion(truth: Grades, said: Grades) -> list[list[int]]:
    """Counts, rows by judged grade 0 to 2, columns by the grade of the tier."""
    table = np.zeros((3, 3), np.int64)
    np.add.at(table, (truth, said), 1)
    rows: list[list[int]] = table.tolist()
    return rows

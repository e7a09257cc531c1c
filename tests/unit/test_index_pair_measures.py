from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from catalog.margins import margins
from index.pair_measures import (
    auc,
    brier_skill,
    confusion,
    expected_calibration_error,
    ranked_probability_skill,
)

RNG = np.random.default_rng(7)


def test_auc_counts_pairs_in_the_right_order():
    scores = RNG.integers(0, 6, 40) / 5
    happened = RNG.random(40) < 0.4
    pairs = list(itertools.product(scores[happened], scores[~happened]))
    expected = sum((yes > no) + 0.5 * (yes == no) for yes, no in pairs) / len(pairs)
    assert auc(scores, happened) == pytest.approx(expected)
    assert math.isnan(auc(scores, np.ones(40, bool)))


def test_brier_skill_by_hand():
    happened = np.array([True, False, False, False])
    assert brier_skill(happened.astype(float), happened) == 1.0
    assert brier_skill(np.full(4, 0.25), happened) == pytest.approx(0.0)
    # Scores 0.25 for a forecast of one half, and 3/16 for the share of one quarter.
    assert brier_skill(np.full(4, 0.5), happened) == pytest.approx(1 - 0.25 / (3 / 16))
    assert math.isnan(brier_skill(np.ones(2), np.array([True, True])))


def test_skill_of_both_cuts_is_one_when_all_is_known():
    grades = np.array([0, 1, 2, 2])
    sure = (grades >= 1).astype(float), (grades == 2).astype(float)
    assert ranked_probability_skill(*sure, grades) == 1.0
    shares = np.full(4, 0.75), np.full(4, 0.5)
    assert ranked_probability_skill(*shares, grades) == pytest.approx(0.0)


def test_calibration_error_is_the_mean_distance_over_bins():
    forecast = np.repeat([0.1, 0.9], 50)
    outcome = np.concatenate([np.zeros(50), np.ones(50)])
    assert expected_calibration_error(forecast, outcome) == pytest.approx(0.1)
    assert expected_calibration_error(outcome, outcome) == 0.0
    assert expected_calibration_error(np.array([0.3]), np.array([1.0])) == pytest.approx(0.7)


def test_confusion_counts_rows_by_truth():
    table = confusion(np.array([0, 0, 1, 2, 2]), np.array([0, 2, 1, 2, 2]))
    assert table == [[1, 0, 1], [0, 1, 0], [0, 0, 2]]


def test_margins_over_queries_with_both_ends():
    scores = np.array([0.8, 0.6, 0.5, 0.3, 0.1, -0.1, 0.9])
    grades = np.array([2, 2, 1, 0, 0, 0, 2])
    query = np.array([0, 0, 0, 0, 0, 0, 1])
    average, worst, queries = margins(scores, grades, query)
    assert queries == 1
    assert average == pytest.approx(0.7 - 0.1)
    assert worst == pytest.approx(0.6 - 0.3)
    assert math.isnan(margins(scores[:3], grades[:3], query[:3])[0])

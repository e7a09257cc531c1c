"""The report of a judge against values worked out by hand, and the baselines it is held against."""

from __future__ import annotations

import json

import numpy as np
import pytest

from catalog.model import Product
from training.judges.report import NO_ANSWER, as_answers, compared, gain, judge_report

QUERIES = ["a", "a", "a", "b", "b"]
TRUTH = np.array([2, 1, 0, 2, 0])
ANSWERS = np.array([2, 2, 2, NO_ANSWER, 0])


def test_figures_are_those_worked_out_by_hand() -> None:
    report = judge_report(QUERIES, TRUTH, ANSWERS)
    assert (report["pairs"], report["queries"]) == (5, 2)
    assert report["coverage"]["value"] == pytest.approx(4 / 5)
    assert report["accuracy"]["value"] == pytest.approx(2 / 4)
    assert report["within_one"]["value"] == pytest.approx(3 / 4)
    assert report["confusion"] == [[1, 0, 1], [0, 0, 1], [0, 0, 1]]
    of = report["grades"]
    assert [of[grade]["pairs"] for grade in "012"] == [2, 1, 2]
    assert of["0"]["precision"]["value"] == 1.0
    assert of["0"]["recall"]["value"] == 0.5
    assert of["1"]["precision"] == {"value": None, "low": None, "high": None}
    assert of["1"]["recall"]["value"] == 0.0
    assert of["2"]["precision"]["value"] == pytest.approx(1 / 3)
    assert of["2"]["recall"]["value"] == 1.0
    json.dumps(report, allow_nan=False)


def test_intervals_are_over_queries() -> None:
    # Two queries: a resample is a alone, b alone or both, with chances ¼, ¼ and ½; the ends of the
    # interval are the accuracies of a alone (1/3) and of b alone (1/1).
    figure = judge_report(QUERIES, TRUTH, ANSWERS)["accuracy"]
    assert figure["low"] == pytest.approx(1 / 3)
    assert figure["high"] == pytest.approx(1.0)
    # One query has nothing to resample, however many pairs it has.
    alone = judge_report(["a"] * 5, TRUTH, ANSWERS)["accuracy"]
    assert alone["low"] == alone["high"] == alone["value"]


def test_intervals_agree_with_a_plain_bootstrap() -> None:
    rng = np.random.default_rng(3)
    names = [f"q{rng.integers(12)}" for _ in range(200)]
    truth, answers = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    figure = judge_report(names, truth, answers, seed=1)["accuracy"]
    distinct = sorted(set(names))
    rows = {name: [at for at, query in enumerate(names) if query == name] for name in distinct}
    plain = []
    for _ in range(4000):
        drawn = [at for name in rng.choice(distinct, len(distinct)) for at in rows[name]]
        plain.append(float((truth[drawn] == answers[drawn]).mean()))
    assert figure["low"] == pytest.approx(np.quantile(plain, 0.025), abs=0.015)
    assert figure["high"] == pytest.approx(np.quantile(plain, 0.975), abs=0.015)


def test_gain_is_over_pairs_that_both_answer() -> None:
    theirs = np.array([2, 1, NO_ANSWER, 2, 2])
    # Both answer the 1st, 2nd and 5th: right are 1st and 5th against 1st and 2nd; within one are
    # all three against two.
    found = gain(QUERIES, TRUTH, ANSWERS, theirs)
    assert found["accuracy"]["value"] == pytest.approx(0.0)
    assert found["within_one"]["value"] == pytest.approx(1 / 3)


def test_baselines_stand_beside_the_judge() -> None:
    ones = np.ones(5, np.int64)
    report = compared(QUERIES, TRUTH, ANSWERS, {"ones": ones})
    assert report["judge"] == judge_report(QUERIES, TRUTH, ANSWERS)
    beside = report["baselines"]["ones"]
    assert beside["within_one"]["value"] == 1.0  # why within_one alone says nothing
    assert beside["accuracy"]["value"] == pytest.approx(1 / 5)
    assert beside["gain"] == gain(QUERIES, TRUTH, ANSWERS, ones)


def test_no_answer_at_all() -> None:
    report = judge_report(QUERIES, TRUTH, as_answers([None] * 5))
    assert report["coverage"]["value"] == 0.0
    assert report["accuracy"]["value"] is None


def test_unfit_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="4 true grades"):
        judge_report(QUERIES, TRUTH[:4], ANSWERS)
    with pytest.raises(ValueError, match="out of range"):
        judge_report(QUERIES, TRUTH + 1, ANSWERS)
    with pytest.raises(ValueError, match="0 queries"):
        judge_report([], TRUTH[:0], ANSWERS[:0])


@pytest.mark.slow
class TestBaselines:
    def test_majority(self) -> None:
        from training.judges.baseline import majority

        assert majority(np.array([0, 0, 2, 1]), 3).tolist() == [0, 0, 0]
        assert majority(np.array([0, 2]), 2).tolist() == [2, 2]

    def test_features_of_words(self) -> None:
        from training.judges.baseline import FEATURES, LexicalFeatures

        goods = [
            Product("p", "Red Kettle", brand="Näsby", description="boils water"),
            Product("q", "Garden hose"),
            Product("r", ""),
        ]
        features = LexicalFeatures(goods)
        rows = features.of(
            [("näsby kettles for water", 0), ("hoses", 1), ("hoses", 0), ("?", 0), ("hose", 2)]
        )
        named = [dict(zip(FEATURES, row, strict=True)) for row in rows.tolist()]
        first = named[0]
        assert first["BM25"] > 0
        assert first["BM25 over the query's best in the catalogue"] == 1.0
        assert first["share of the query's terms in the product"] == pytest.approx(3 / 4)
        assert first["share of the query's terms in the title"] == pytest.approx(1 / 4)
        assert first["share of the title's terms in the query"] == pytest.approx(1 / 2)
        assert (first["brand in the query"], first["terms of the query"]) == (1.0, 4.0)
        assert named[1]["all terms in the title"] == 1.0
        assert rows[2, :-1].tolist() == [0.0] * 7
        assert rows[3].tolist() == [0.0] * 8
        assert rows[4, 0] == 0.0

    def test_regression_is_at_its_optimum(self) -> None:
        from training.judges.baseline import Logistic

        rng = np.random.default_rng(5)
        inputs = rng.normal(size=(300, 4)) * [1, 10, 0.1, 0] + 3
        grades = np.clip(np.round(inputs[:, 0] - 2 + 0.4 * rng.normal(size=300)), 0, 2).astype(
            np.int64
        )
        model = Logistic.fit(inputs, grades, penalty=2.0)
        z = np.hstack([(inputs - model.mean) / model.scale, np.ones((300, 1))])
        chances = np.exp(z @ model.weights)
        chances /= chances.sum(1, keepdims=True)
        slope = z.T @ (chances - np.eye(3)[grades])
        slope[:-1] += 2.0 * model.weights[:-1]
        assert np.abs(slope).max() < 1e-3
        assert (model.grade(inputs) == grades).mean() > 0.75

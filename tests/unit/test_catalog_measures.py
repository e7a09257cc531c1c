"""Measures against a few lines of arithmetic, bootstrap against what is known of it."""

import math
import random
import sys

import numpy as np
import pytest

from catalog.errors import GradusError
from catalog.measures import (
    bootstrap_mean,
    bootstrap_share,
    evaluate_run,
    paired_bootstrap,
    qrels_of,
    relative_change,
)
from catalog.model import Grade, Judgment


def reference(grades, ranked, k):
    """`ndcg, recall, precision` at k, by their definitions."""

    def dcg(gains):
        return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:k]))

    gains = [grades.get(product, 0) / 2 for product in ranked]
    best = dcg(sorted((grade / 2 for grade in grades.values()), reverse=True))
    exact = [product for product, grade in grades.items() if grade == 2]
    recall = sum(p in ranked[:k] for p in exact) / len(exact) if exact else math.nan
    return dcg(gains) / best if best else 0.0, recall, sum(gain > 0 for gain in gains[:k]) / k


def test_every_measure_is_its_definition():
    pytest.importorskip("ir_measures")
    rng = random.Random(5)
    products = [f"p{i}" for i in range(150)]
    qrels = {
        f"q{i}": {p: rng.choice((0, 0, 1, 2)) for p in rng.sample(products, rng.randint(1, 40))}
        for i in range(40)
    }
    qrels |= {"none": {"p1": 0}, "no exact": {"p1": 1, "p2": 0}}
    run = {query: rng.sample(products, rng.randint(0, 150)) for query in qrels if query != "q0"}
    values = evaluate_run(qrels, {**run, "unknown": products}, ks=(1, 10, 50, 100))
    assert len(values) == 12
    for row, (query, grades) in enumerate(qrels.items()):
        for k in (1, 10, 50, 100):
            expected = reference(grades, run.get(query, []), k)
            found = [values[f"{name}@{k}"][row] for name in ("ndcg", "recall", "precision")]
            np.testing.assert_allclose(found, expected, atol=1e-12)


def test_gains_are_linear():
    pytest.importorskip("ir_measures")
    values = evaluate_run({"q": {"a": 2, "b": 1}}, {"q": ["b", "a"]}, ks=(10,))
    by_hand = (0.5 + 1 / math.log2(3)) / (1 + 0.5 / math.log2(3))
    assert values["ndcg@10"][0] == pytest.approx(by_hand, abs=1e-12)


def test_a_query_without_a_ranking_counts_nothing():
    pytest.importorskip("ir_measures")
    values = evaluate_run({"a": {"x": 2}, "b": {"x": 1}}, {}, ks=(10,))
    assert values["ndcg@10"].tolist() == [0, 0]
    assert values["recall@10"][0] == 0
    assert np.isnan(values["recall@10"][1])
    assert all(found.shape == (0,) for found in evaluate_run({}, {}).values())


def test_scores_order_as_written_and_ties_go_by_id():
    pytest.importorskip("ir_measures")
    close = {"a": 1.0, "b": 1.0 + 1e-12, "c": 1.0}  # the same in single precision
    qrels = {"q": {"b": 2}, "r": {"a": 2}}
    values = evaluate_run(qrels, {"q": close, "r": {"c": 1.0, "a": 1.0}}, ks=(1,))
    assert values["ndcg@1"].tolist() == [1, 1]


def test_a_product_ranked_twice_is_refused():
    pytest.importorskip("ir_measures")
    with pytest.raises(GradusError, match="twice"):
        evaluate_run({"q": {"a": 2}}, {"q": ["a", "a"]})


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(GradusError, match=r"\[eval\]"):
        evaluate_run({"q": {"a": 2}}, {})


def test_qrels_of_judgments():
    judgments = [Judgment("b", "1", Grade.EXACT), Judgment("a", "1", Grade.IRRELEVANT)]
    qrels = qrels_of([*judgments, Judgment("b", "2", Grade.SUBSTITUTE)])
    assert qrels == {"b": {"1": 2, "2": 1}, "a": {"1": 0}}
    assert list(qrels) == ["b", "a"]


def test_bootstrap_is_repeatable_and_holds_the_mean():
    values = np.random.default_rng(1).random(200)
    first, again, other = (bootstrap_mean(values, seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert first.low < first.mean < first.high
    half = 1.96 * values.std() / math.sqrt(len(values))  # normal theory
    assert first.high - first.low == pytest.approx(2 * half, rel=0.1)


def test_bootstrap_edges():
    assert bootstrap_mean([0.5, np.nan]) == bootstrap_mean([0.5])
    assert bootstrap_mean([0.5]).record() == {"mean": 0.5, "low": 0.5, "high": 0.5, "count": 1}
    assert bootstrap_mean([np.nan]).record() == {
        "mean": None,
        "low": None,
        "high": None,
        "count": 0,
    }


def test_a_constant_gain_is_certain_though_the_values_scatter():
    theirs = np.random.default_rng(1).random(50)
    gain = paired_bootstrap(theirs + 0.1, theirs)
    assert (gain.low, gain.mean, gain.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError, match="shape"):
        paired_bootstrap([1, 2], [1])


def test_pairs_with_an_undefined_value_are_left_out():
    assert paired_bootstrap([1.0, np.nan, 0.5], [0.5, 0.5, np.nan]).count == 1


def test_a_relative_change_is_that_of_the_means():
    found = relative_change([0.9, 0.0, np.nan], [1.0, 0.5, 0.4])
    assert found.mean == pytest.approx(0.9 / 1.5 - 1)
    assert found.count == 2
    # Every query lost a tenth: no resample says otherwise.
    exact = relative_change([0.9, 0.45, 0.18], [1.0, 0.5, 0.2])
    assert (exact.low, exact.mean, exact.high) == pytest.approx((-0.1, -0.1, -0.1))


def test_nothing_relates_to_nothing():
    assert math.isnan(relative_change([0.1], [0.0]).mean)
    assert math.isnan(relative_change([], []).mean)
    # Some resample has the second query alone, whose base is 0.
    assert math.isnan(relative_change([1.0, 0.0], [1.0, 0.0]).low)
    with pytest.raises(ValueError, match="shape"):
        relative_change([1, 2], [1])


def test_a_share_is_of_sums_and_its_interval_over_queries():
    found = bootstrap_share([8, 0, 1], [10, 0, 2])
    assert found.mean == pytest.approx(9 / 12)
    assert found.count == 2
    assert pytest.approx(found.low) == 0.5  # the third query alone
    assert pytest.approx(found.high) == 0.8  # the first alone
    assert bootstrap_share([3, 3], [4, 4]).low == 0.75
    nothing = bootstrap_share([0, 0], [0, 0])
    assert math.isnan(nothing.mean)
    assert nothing.count == 0
    with pytest.raises(ValueError, match="shape"):
        bootstrap_share([1], [1, 2])

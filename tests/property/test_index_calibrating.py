"""What a calibration promises where the truth is known: curves, weights, evidence, cuts, skill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import JudgmentError
from index.calibrating.betting import evidence
from index.calibrating.logistic import fit_rising
from index.calibrating.policies import CLOSED, PAGE, Policy, Shown, best_promise, promised
from index.calibrating.skill import calibration_error, skill_over_base_rate
from index.link_fit import (
    DRAWN_WEIGHTS,
    RANDOM_RELEVANT,
    drawn_weight,
    fit_link,
    pair_weights,
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1, 1), st.booleans()), min_size=1, max_size=60),
    st.integers(2, 6),
    st.floats(0.01, 50),
)
def test_no_rising_curve_nearby_is_likelier(found, knots, ridge):
    scores = np.array([score for score, _ in found])
    happened = np.array([so for _, so in found])
    places, ridges = np.linspace(-1, 1, knots), np.full(knots - 1, ridge)
    weights = np.ones(len(scores))
    fitted = fit_rising(scores, happened, weights, places, ridges)
    assert np.all(fitted.rises >= 0)
    assert np.all(np.diff(fitted(np.linspace(-2, 2, 41))) >= 0)

    def cost(level, rises):
        steps = np.clip((scores[:, None] - places[:-1]) / np.diff(places), 0, 1)
        logits = level + steps @ rises
        likelihood = (np.logaddexp(0, logits) - happened * logits).sum()
        return likelihood + 0.5 * ridge * (rises**2).sum() + 0.5e-3 * level**2

    best = cost(fitted.level, fitted.rises)
    rng = np.random.default_rng(0)
    for size in (0.3, 0.03, 0.003):
        for _ in range(20):
            level = fitted.level + size * rng.standard_normal()
            rises = np.maximum(0, fitted.rises + size * rng.standard_normal(knots - 1))
            assert cost(level, rises) >= best - 1e-5 * (1 + abs(best))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.integers(0, 2), st.integers(0, 4), st.booleans()),
        min_size=1,
        max_size=120,
    ),
    st.lists(st.floats(-1.5, 1.5), min_size=2, max_size=40),
)
def test_a_link_of_any_pairs_rises_and_keeps_exact_below_relevant(found, asked):
    scores, grades, queries, assumed = (np.array(column) for column in zip(*found, strict=True))
    grades = np.where(assumed, 0, grades)
    link = fit_link(scores, grades, -1.0, 1.0, queries, assumed)
    substitute, exact = link.probabilities(np.sort(np.array(asked)))
    assert np.all(np.diff(substitute) >= 0)
    assert np.all(np.diff(exact) >= 0)
    assert np.all(substitute >= exact)
    assert np.all((exact >= 0) & (substitute <= 1))


def test_the_draws_of_every_query_weigh_the_same():
    queries = np.array([0] * 10 + [1] * 30 + [0] * 2 + [1] * 8)
    assumed = np.arange(50) >= 40
    weights = pair_weights(queries, assumed, 0.5)
    assert weights[~assumed] == pytest.approx(1)
    assert np.bincount(queries[assumed], weights[assumed]) == pytest.approx([20 * 0.5] * 2)


def overlapping(rng, apart):
    """Judged pairs, four of five relevant, and drawn ones, `apart` below them on average."""
    judged, drawn = 0.5 + 0.1 * rng.standard_normal(2000), 0.1 * rng.standard_normal(2500)
    scores = np.concatenate([judged, 0.5 - apart + drawn])
    grades = np.concatenate([rng.choice(3, 2000, p=(0.2, 0.3, 0.5)), np.zeros(2500, np.int64)])
    queries = np.concatenate([np.arange(2000) // 40, np.arange(2500) // 50])
    return scores, grades, -1.0, 1.0, queries, np.arange(4500) >= 2000


def test_drawn_pairs_weigh_what_their_scores_ask_for():
    rng = np.random.default_rng(0)
    assert drawn_weight(*overlapping(rng, 0.5)) == DRAWN_WEIGHTS[0]
    near = overlapping(rng, 0.4)
    drawn = near[0][near[-1]]
    assert fit_link(*near, DRAWN_WEIGHTS[0]).probabilities(drawn)[0].mean() > RANDOM_RELEVANT
    weight = drawn_weight(*near)
    assert fit_link(*near, weight).probabilities(drawn)[0].mean() <= RANDOM_RELEVANT
    # The same scores for both: no weight is right, so the judged pairs are spared.
    assert drawn_weight(*overlapping(rng, 0.0)) == DRAWN_WEIGHTS[0]


def test_a_link_finds_the_curve_that_made_the_grades():
    rng = np.random.default_rng(3)
    scores = rng.random(60_000)
    relevant = 1 / (1 + np.exp(-(8 * scores - 4)))
    exact = relevant / (1 + np.exp(-(4 * scores - 2)))
    luck = rng.random(len(scores))
    grades = (luck < relevant).astype(np.int64) + (luck < exact)
    link = fit_link(scores, grades, 0.0, 1.0, np.arange(len(scores)) // 40)
    said = link.probabilities(np.array([0.1, 0.3, 0.5, 0.7, 0.9]))
    asked = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    truth = 1 / (1 + np.exp(-(8 * asked - 4)))
    assert said[0] == pytest.approx(truth, abs=0.03)
    assert said[1] == pytest.approx(truth / (1 + np.exp(-(4 * asked - 2))), abs=0.04)


@pytest.mark.parametrize("queries", [25, 100])
def test_evidence_for_a_mean_of_nothing_is_as_rare_as_it_says(queries):
    rng = np.random.default_rng(0)
    # Rare large gains and many small losses, mean 0: where a normal approximation errs.
    values = np.where(rng.random((queries, 2000)) < 0.05, 0.95, -0.05)
    assert np.mean(evidence(values, -1.0) >= 10) <= 0.1
    surely = np.full((queries, 1), 0.5)
    assert evidence(surely, -1.0)[0] > 1000


def first_pages(rng, queries, precise_above=0.7, high=0.9, low=0.4):
    """Pages whose hits are exact with `high` from relevance `precise_above` on, `low` below.

    Whole queries are good or bad: the hits of one hang together.
    """
    relevance = np.sort(rng.random((queries, PAGE)), axis=1)[:, ::-1].round(6)
    mood = np.clip(1 + 0.15 * rng.standard_normal((queries, 1)), 0, 1.1)
    chance = np.where(relevance >= precise_above, high, low) * mood
    return Shown(relevance, rng.random(relevance.shape) < chance)


def test_a_promise_is_broken_no_more_often_than_it_says():
    precision, confidence = 0.7, 0.8
    rng = np.random.default_rng(1)
    whole = first_pages(rng, 5_000)
    broken = given_ = 0
    for _ in range(25):
        try:
            kept = promised(
                first_pages(rng, 200), Policy(precision=precision, confidence=confidence)
            )
        except JudgmentError:
            continue
        given_ += 1
        called = whole.relevance >= kept.cut
        broken += whole.exact[called].mean() < precision
    assert given_ >= 15
    assert broken <= (1 - confidence) * 25


def test_what_cannot_be_promised_is_refused_with_the_best_that_can():
    shown = first_pages(np.random.default_rng(2), 150)
    with pytest.raises(JudgmentError, match=r"at best precision\(exact\)>=0\.\d+@0\.9") as refusal:
        promised(shown, Policy(precision=0.97, confidence=0.9))
    best = best_promise(shown, 0.9)
    assert f">={best:g}@" in str(refusal.value)
    assert promised(shown, Policy(precision=best, confidence=0.9)).precision == best
    nothing = Shown(shown.relevance, np.zeros_like(shown.exact))
    with pytest.raises(JudgmentError, match="no promise at all"):
        promised(nothing, Policy(precision=0.5, confidence=0.9))


@pytest.mark.parametrize(
    "text", ["", "best", "precision>=0.8@0.9", "precision(exact)>=1.2@0.9", "precision(exact)>=0.8"]
)
def test_a_policy_that_cannot_be_read_is_refused(text):
    with pytest.raises(JudgmentError, match="no such threshold policy"):
        Policy.parse(text)


@pytest.mark.parametrize("text", ["balanced", "precision(exact)>=0.8@0.9"])
def test_a_policy_is_recorded_as_it_is_written(text):
    assert Policy.parse(text).name == text
    assert CLOSED > 1.0


def test_skill_by_hand():
    grades = np.array([2, 2, 0, 0])
    right = np.array([1.0, 1.0, 0.0, 0.0])
    query = np.array([0, 1, 0, 1])
    assert skill_over_base_rate(right, right, grades, query).value == 1.0
    half = np.full(4, 0.5)
    assert skill_over_base_rate(half, half, grades, query).value == pytest.approx(0.0)
    # A constant of .25 and .25 errs by .3125 a cut, ours by .25.
    skill = skill_over_base_rate(half, half, grades, query, base=(0.25, 0.25))
    assert skill.value == pytest.approx(1 - 0.25 / 0.3125)
    assert skill.low <= skill.value <= skill.high


def test_true_forecasts_err_no_more_than_chance_does():
    rng = np.random.default_rng(4)
    substitute = rng.random(4000)
    exact = substitute * rng.random(4000)
    luck = rng.random(4000)
    grades = (luck < substitute).astype(np.int64) + (luck < exact)
    error = calibration_error(substitute, exact, grades, base=(0.2, 0.1))
    assert error.ece <= 1.3 * error.noise_high
    assert error.constant == pytest.approx(abs(grades.mean() / 2 - 0.15))
    wrong = calibration_error(np.sqrt(substitute), np.sqrt(exact), grades)
    assert wrong.ece > 2 * wrong.noise_high

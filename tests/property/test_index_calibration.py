"""Links rise whatever they are fitted on; tiers never rise as scores fall."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.alpha import GRID, choose_alpha, ndcg
from index.calibration import MODES, Link, Thresholds, default_calibration
from index.link_fit import fit_link
from index.thresholds import balanced

pairs = st.lists(
    st.tuples(st.floats(-1, 1, allow_nan=False), st.integers(0, 2)), min_size=1, max_size=120
)


def arrays(found):
    return np.array([score for score, _ in found]), np.array([grade for _, grade in found])


@settings(max_examples=80, deadline=None)
@given(pairs, st.lists(st.floats(-1.5, 1.5, allow_nan=False), min_size=2, max_size=40))
def test_a_fitted_link_rises_and_keeps_its_curves_apart(found, asked):
    link = fit_link(*arrays(found), -1.0, 1.0)
    scores = np.sort(np.array(asked))
    substitute, exact = link.probabilities(scores)
    assert np.all(substitute >= exact)
    assert np.all((exact >= 0) & (substitute <= 1))
    assert np.all(np.diff(link.relevance(scores)) >= 0)
    alone = [link.relevance(scores[at : at + 1])[0] for at in range(len(scores))]
    assert alone == link.relevance(scores).tolist()


@settings(max_examples=80, deadline=None)
@given(pairs)
def test_a_better_score_inside_the_range_is_worth_more(found):
    link = fit_link(*arrays(found), -1.0, 1.0)
    steps = link.relevance(np.linspace(-1, 1, 41))
    assert np.all(np.diff(steps) > 0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.integers(0, 2)),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from([0.0, 0.33]),
)
def test_balanced_cuts_beat_every_other_pair_of_cuts(found, floor):
    relevance, grades = arrays(found)

    def macro_f1(thresholds):
        said = thresholds.grades(relevance)
        return sum(
            2 * ((said == g) & (grades == g)).sum()
            / max(1, (said == g).sum() + (grades == g).sum())
            for g in range(3)
        )  # fmt: skip

    chosen = balanced(relevance, grades, floor)
    assert floor <= chosen.substitute <= chosen.exact
    ours = macro_f1(chosen)
    tried = np.unique(np.append(relevance[relevance >= floor], max(floor, relevance.min())))
    for low, high in itertools.combinations_with_replacement(tried, 2):
        assert ours >= macro_f1(Thresholds(exact=high, substitute=low)) - 1e-9


@given(st.integers(0, 1000), st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_alpha_is_shrunk_towards_one_half(seed, queries):
    noise = np.random.default_rng(seed).random((queries, len(GRID)))
    fit = choose_alpha(noise)
    kept = queries / (queries + 25)
    assert abs(fit.alpha - 0.5) <= 0.5 * kept + 0.005
    assert fit.interval[0] <= fit.interval[1]
    agreed = choose_alpha(np.tile(1 - np.abs(GRID - 0.8), (queries, 1)))
    assert agreed.alpha == pytest.approx(0.5 + 0.3 * kept, abs=0.005)
    assert agreed.best == pytest.approx(0.8)
    assert agreed.interval == (0.8, 0.8)
    assert choose_alpha(np.ones((queries, len(GRID)))).alpha == 0.5


def test_many_queries_that_agree_have_their_way():
    assert choose_alpha(np.tile(1 - np.abs(GRID - 0.8), (5000, 1))).alpha == pytest.approx(0.8)


def test_disagreeing_queries_leave_alpha_near_one_half():
    curves = [np.abs(GRID - 0.0), np.abs(GRID - 1.0)] * 4
    assert abs(choose_alpha(np.array(curves)).alpha - 0.5) < 0.15


def test_ndcg_by_hand():
    ideal = np.array([0.5, 1.0, 0.0])
    best = 1.0 + 0.5 / np.log2(3)
    assert ndcg(np.array([0.0, 1.0, 0.5]), ideal) == pytest.approx(
        (1.0 / np.log2(3) + 0.5 / 2) / best
    )
    assert ndcg(np.array([1.0, 0.5]), ideal) == pytest.approx(1.0)
    assert ndcg(np.array([1.0]), np.array([0.0])) == 0.0


@pytest.mark.parametrize("mode", MODES)
def test_the_shipped_calibration_keeps_tiers_in_order(mode):
    part = default_calibration().modes[mode]
    scores = np.linspace(-1, 1, 201)
    grades = part.thresholds.grades(part.link.relevance(scores))
    assert np.all(np.diff(grades) >= 0)
    assert set(grades) == {0, 1, 2}


def test_the_shipped_semantic_tiers_start_at_the_published_bands():
    part = default_calibration().modes["semantic"]
    relevance = part.link.relevance(np.array([0.25, 0.40, 0.60, 0.75]))
    assert part.thresholds.grades(relevance).tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("scores", "substitute", "exact"),
    [
        ((0.0, 0.0), (0.1, 0.2), (0.0, 0.1)),
        ((0.0, 1.0), (0.3, 0.2), (0.0, 0.1)),
        ((0.0, 1.0), (0.1, 0.2), (0.2, 0.3)),
        ((0.0, 1.0), (0.1, 1.2), (0.0, 0.1)),
        ((0.0,), (0.1, 0.2), (0.0, 0.1)),
        ((), (), ()),
    ],
)
def test_a_link_that_falls_or_crosses_is_refused(scores, substitute, exact):
    with pytest.raises(ValueError, match="link"):
        Link(scores, substitute, exact)

"""The best of many scores, found by looking at a sample first, are those that sorting all finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.loops import nearest
from index.ranking import best


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 6000),
    st.integers(1, 300),
    st.sampled_from([3, 50, 10**9]),  # many ties, some, none
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_the_best_are_those_that_sorting_finds(size, count, values, ascending, seed):
    rng = np.random.default_rng(seed)
    rows, ranks = rng.permutation(size), rng.permutation(size)
    scores = rng.integers(0, values, size) / values
    if ascending:  # what a sample at even steps takes for granted
        scores.sort()
    order = sorted(range(size), key=lambda at: (-scores[at], ranks[rows[at]]))[:count]
    found, own = best(rows, scores, ranks, count)
    assert found.tolist() == rows[order].tolist()
    assert own.tolist() == scores[order].tolist()


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 6000),
    st.integers(0, 500),
    st.sampled_from([1, 5, 10**6]),
    st.sampled_from(["anyhow", "rising", "sampled high", "sampled low"]),
    st.sampled_from([0.0, 0.01, 0.9]),
    st.integers(0, 2**32 - 1),
)
def test_nearest_are_the_largest_and_all_that_tie_with_the_last(
    size, count, levels, order, unknown, seed
):
    rng = np.random.default_rng(seed)
    sums = rng.integers(0, levels, size).astype(np.float32)
    if order == "rising":
        sums.sort()
    elif order != "anyhow":  # one in 32 says where to look, and misleads here
        sums[(np.arange(size) % 32 == 0) == (order == "sampled high")] += levels
    sums[rng.random(size) < unknown] = np.nan
    known = np.sort(sums[~np.isnan(sums)])[::-1]
    least = known[min(count, len(known)) - 1] if count and len(known) else np.inf
    assert nearest(sums, count).tolist() == np.flatnonzero(sums >= least).tolist()


@pytest.mark.parametrize("count", [300, 400])
def test_where_the_sample_misleads_every_score_is_looked_at(count):
    rng = np.random.default_rng(2)
    scores = rng.random(6000) / 2
    scores[::32] += 1.0  # what a look at every 32nd takes for the rule
    rows, ranks = np.arange(6000), rng.permutation(6000)
    found, own = best(rows, scores, ranks, count)
    assert found.tolist() == np.argsort(-scores)[:count].tolist()
    assert own.tolist() == sorted(scores.tolist(), reverse=True)[:count]


@pytest.mark.parametrize("size", [40, 4000])
def test_what_is_no_number_is_never_among_the_best(size):
    scores = np.random.default_rng(3).random(size)
    scores[::3] = np.nan
    found, _ = best(np.arange(size), scores, np.arange(size), size // 4)
    assert (
        found.tolist() == np.argsort(np.where(np.isnan(scores), 9, -scores))[: size // 4].tolist()
    )
    assert np.isfinite(scores[nearest(scores.astype(np.float32), size // 4)]).all()


def test_nothing_is_the_best_of_nothing():
    nothing = np.empty(0, np.int64)
    assert [part.tolist() for part in best(nothing, np.empty(0), nothing, 5)] == [[], []]
    assert nearest(np.empty(0, np.float32), 5).tolist() == []
    assert best(np.arange(3), np.ones(3), np.arange(3), 0)[0].tolist() == []

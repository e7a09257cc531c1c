"""The best of many scores, found by looking at a sample first, are those that sorting all finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.ranking import best, likely_best


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


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6000), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_nothing_that_ties_with_the_last_is_left_out(size, count, seed):
    scores = np.random.default_rng(seed).integers(0, 40, size).astype(np.float32)
    limit = sorted(scores.tolist())[-min(count, size)]
    likely = likely_best(scores, count).tolist()
    assert likely == sorted(likely)
    assert {*np.flatnonzero(scores >= limit).tolist()} <= {*likely}


@pytest.mark.parametrize("count", [300, 400])
def test_where_the_sample_misleads_every_score_is_looked_at(count):
    rng = np.random.default_rng(2)
    scores = rng.random(6000) / 2
    scores[::16] += 1.0  # what a look at every sixteenth takes for the rule
    assert len(likely_best(scores, count)) == 6000
    rows, ranks = np.arange(6000), rng.permutation(6000)
    found, own = best(rows, scores, ranks, count)
    assert found.tolist() == np.argsort(-scores)[:count].tolist()
    assert own.tolist() == sorted(scores.tolist(), reverse=True)[:count]


def test_of_many_scores_few_are_looked_at_again():
    scores = np.random.default_rng(1).random(32_000)
    assert len(likely_best(scores, 200)) < 1_000

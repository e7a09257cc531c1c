"""Compiled inner loops give the very floats of the plain formulas; no row beyond the end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.loops import Curves, Sums, absent, best, cosines, order

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 200), st.integers(1, 70), seeds)
def test_cosines_are_sums_in_sixteen_lanes(count, dim, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, dim)).astype(np.float32) / np.float32(dim)
    query = rng.normal(size=dim).astype(np.float32)

    def by_hand(row: np.ndarray) -> float:
        lanes = np.zeros(16, np.float32)
        for place, product in enumerate(row * query):
            lanes[place % 16] += product
        while len(lanes) > 1:
            lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
        return min(max(float(lanes[0]), -1.0), 1.0)

    expected = [by_hand(row) for row in vectors]
    assert cosines(vectors, None, query).tolist() == expected
    some = rng.integers(0, count, 30)
    assert cosines(vectors, some, query).tolist() == [expected[row] for row in some]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.integers(1, 6), st.integers(1, 40), st.booleans(), seeds)
def test_sums_of_postings_are_those_of_the_formula(products, terms, count, filtered, seed):
    rng = np.random.default_rng(seed)
    ranks, sums = rng.permutation(products), Sums(products)
    for _ in range(2):  # the second query finds nothing of the first
        by_hand, total, found = np.zeros(products), 0.0, set[int]()
        for _ in range(terms):
            rows = np.flatnonzero(rng.random(products) < 0.3).astype(np.int32)
            saturation, weight = rng.random(len(rows)).astype(np.float32), rng.random() * 9
            sums.add(rows, saturation, weight)
            by_hand[rows] += weight * saturation.astype(np.float64)
            total += weight * 0.8  # some shares exceed 1
            found.update(rows[saturation > 0].tolist())
        shares = np.minimum(by_hand / total, 1.0)
        assert sums.shares(np.arange(products), total).tolist() == shares.tolist()
        among = rng.random(products) < 0.5 if filtered else np.ones(products, bool)
        expected = [row for row in found if among[row]]
        expected.sort(key=lambda row: (-shares[row], ranks[row]))
        rows, scores = sums.best(total, ranks, count, among.view(np.uint8) if filtered else None)
        assert rows.tolist() == expected[:count]
        assert scores.tolist() == shares[expected[:count]].tolist()


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 12), st.lists(st.floats(-2, 3), max_size=30), seeds)
def test_curves_are_straight_between_knots_and_flat_beyond(size, scores, seed):
    rng = np.random.default_rng(seed)
    knots = np.unique(rng.random(size) + np.arange(size) / 10)
    first, second = np.sort(rng.random((2, len(knots))), axis=1)
    asked = np.array([*scores, *knots, -9.0, 9.0])
    found = Curves(knots.tolist(), first.tolist(), second.tolist())
    curves = found.at(asked)
    for curve, values in zip(curves, (first, second), strict=True):
        assert curve == pytest.approx(np.interp(asked, knots, values), abs=1e-12)
        assert (np.diff(curve[np.argsort(asked)]) >= 0.0).all()
    assert found.mean(asked).tolist() == (0.5 * curves[0] + 0.5 * curves[1]).round(6).tolist()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=40), st.integers(0, 4))
def test_order_is_by_score_then_rank_among_those_that_pass(pairs, least):
    scores, values = (np.array([pair[at] for pair in pairs], float) for at in (0, 1))
    ranks = np.random.default_rng(len(pairs)).permutation(50)
    rows = np.arange(len(pairs)) + 7
    expected = [place for place, value in enumerate(values) if value >= least]
    expected.sort(key=lambda place: (-scores[place], ranks[rows[place]]))
    assert order(rows, scores, ranks, values, float(least)).tolist() == expected


_row = st.one_of(st.integers(-2, 30), st.integers(0, 2**62))


@given(st.lists(_row), st.lists(_row))
def test_absent_are_those_not_among_the_others(rows, among):
    found = absent(np.array(rows, np.int64), np.array(among, np.int64))
    assert found.tolist() == [row not in among for row in rows]


@pytest.mark.parametrize("row", [-1, 5, 2**31 - 1, 2**40])
def test_no_row_beyond_the_end_is_read(row):
    rows, one = np.array([0, row]), np.ones(2)
    sums = Sums(5)
    with pytest.raises(IndexError, match="no rank"):
        best(rows, one, np.arange(5), 2)
    with pytest.raises(IndexError, match="no rank"):
        order(rows, one, np.arange(5), one, 0.0)
    with pytest.raises(IndexError, match="no vector"):
        cosines(np.ones((5, 4), np.float32), rows, np.ones(4, np.float32))
    with pytest.raises(IndexError, match="no such row"):
        sums.shares(rows, 1.0)
    if row < 2**31:
        with pytest.raises(IndexError, match="the index has not"):
            sums.add(rows.astype(np.int32), np.ones(2, np.float32), 1.0)


def test_arrays_of_other_sizes_are_refused():
    two, three = np.ones(2), np.arange(3)
    with pytest.raises(IndexError):
        best(three, two, three, 1)
    with pytest.raises(IndexError):
        cosines(np.ones((5, 4), np.float32), None, np.ones(5, np.float32))
    with pytest.raises(IndexError):
        Sums(5).add(np.zeros(2, np.int32), np.ones(1, np.float32), 1.0)
    with pytest.raises(IndexError, match="smaller index"):
        Sums(5).best(1.0, three, 1, None)
    with pytest.raises(IndexError, match="smaller index"):
        Sums(3).best(1.0, three, 1, np.ones(2, np.uint8))

"""Nearest items: exact search against plain sorting, the graph against exact search."""

from __future__ import annotations

import numpy as np
import pytest

import training.mined_search as mined_search
from catalog.errors import TrainingError
from training.mined_search import nearest


def unit(rng, count, dim=16):
    vectors = rng.standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("depth", [1, 7, 100, 500, 900])
def test_exact_search_is_a_stable_sort(depth, monkeypatch):
    monkeypatch.setattr(mined_search, "_SCORES_AT_ONCE", 500 * 7)  # several blocks
    rng = np.random.default_rng(depth)
    queries, items = unit(rng, 20), unit(rng, 500)
    items[100:200] = items[:100]  # ties
    rows, cosines = nearest(queries, items, depth)
    scores = queries @ items.T
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    assert rows.shape == (20, min(depth, 500))
    # Blocks of other sizes may round otherwise, so compare cosines, and rows where they differ.
    np.testing.assert_allclose(cosines, np.take_along_axis(scores, expected, axis=1), atol=1e-6)
    gap = np.abs(np.diff(cosines, axis=1)) > 1e-6
    settled = np.pad(gap, ((0, 0), (1, 0)), constant_values=True) & np.pad(
        gap, ((0, 0), (0, 1)), constant_values=depth >= 500
    )
    assert (rows == expected)[settled].all()
    assert (np.diff(rows, axis=1)[np.diff(cosines, axis=1) == 0] > 0).all(), "ties by position"


def test_ties_at_the_cut_go_to_the_first_items():
    items = np.ones((50, 1), np.float32)
    rows, cosines = nearest(items[:2], items, 3)
    assert rows.tolist() == [[0, 1, 2]] * 2
    assert cosines.tolist() == [[1, 1, 1]] * 2


def test_the_graph_agrees_with_exact_search():
    rng = np.random.default_rng(7)
    queries, items = unit(rng, 300), unit(rng, 3000)
    exact, cosines = nearest(queries, items, 100, "exact")
    rows, scores = nearest(queries, items, 100, "graph")
    recall = np.mean([len(set(a) & set(b)) for a, b in zip(exact, rows, strict=True)]) / 100
    assert recall > 0.97
    np.testing.assert_allclose(scores, np.einsum("qd,qkd->qk", queries, items[rows]), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all(), "best first"
    assert (scores <= cosines + 1e-6).all(), "nothing is nearer than the nearest"
    again = nearest(queries, items, 100, "graph")[0]
    assert (rows == again).all(), "the same every time"


def test_a_graph_torn_by_equal_vectors_gives_way_to_exact_search(monkeypatch):
    rng = np.random.default_rng(7)
    items = np.repeat(unit(rng, 3), 400, axis=0)
    queries = unit(rng, 5)
    expected = nearest(queries, items, 1150, "exact")
    asked = []
    exact = mined_search._exact
    monkeypatch.setattr(mined_search, "_exact", lambda *args: (asked.append(1), exact(*args))[1])
    rows, cosines = nearest(queries, items, 1150, "graph")
    assert asked == [1], "not all copies can be reached"
    assert (rows == expected[0]).all()
    assert (cosines == expected[1]).all()


def test_size_decides_where_nobody_does(monkeypatch):
    rng = np.random.default_rng(7)
    queries, items = unit(rng, 30), unit(rng, 400)
    asked = []
    graph = mined_search._graph
    monkeypatch.setattr(
        mined_search, "_graph", lambda *args: (asked.append(len(args[0])), graph(*args))[1]
    )
    nearest(queries, items, 10)
    assert asked == []
    monkeypatch.setattr(mined_search, "EXACT_ITEMS", 399)
    nearest(queries, items, 10)
    assert asked == [], "few queries do not pay for a graph"
    monkeypatch.setattr(mined_search, "EXACT_QUERIES", 29)
    rows, _ = nearest(queries, items, 10)
    assert asked == [400]
    assert (rows == nearest(queries, items, 10, "exact")[0]).mean() > 0.95


@pytest.mark.parametrize(("queries", "items", "depth"), [(0, 5, 3), (4, 0, 3), (4, 5, 0)])
@pytest.mark.parametrize("method", ["exact", "graph", "auto"])
def test_nothing_to_find(queries, items, depth, method):
    rng = np.random.default_rng(7)
    rows, cosines = nearest(unit(rng, queries), unit(rng, items), depth, method)
    assert rows.shape == cosines.shape == (queries, min(depth, items))


def test_cosines_stay_within_their_range():
    vector = np.full((1, 3), np.sqrt(np.float32(1 / 3)) * np.float32(1.0000002), np.float32)
    for method in ("exact", "graph"):
        assert nearest(vector, vector, 1, method)[1].max() <= 1


def test_another_search_is_refused():
    with pytest.raises(TrainingError, match=r"no such search .*found fast"):
        nearest(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), 1, "fast")

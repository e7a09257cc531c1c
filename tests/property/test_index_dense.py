"""A pair's cosine in any company; the graph against an exact scan."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.dense import DenseIndex, DenseSettings, pair_scores
from index.dense_build import build_graph, settle_ef
from index.ranking import id_ranks


def unit_rows(count: int, dim: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300), st.sampled_from([3, 16, 64, 100, 256, 384]), st.integers(0, 9), st.data()
)
def test_a_cosine_does_not_depend_on_the_other_rows(count, dim, seed, data):
    vectors, query = unit_rows(count, dim, seed), unit_rows(1, dim, seed + 100)[0]
    every = pair_scores(vectors, query)
    rows = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=20)))
    assert pair_scores(vectors[rows], query).tolist() == every[rows].tolist()
    start = data.draw(st.integers(0, count - 1))
    assert pair_scores(vectors[start:], query).tolist() == every[start:].tolist()
    np.testing.assert_allclose(every, vectors.astype(np.float64) @ query, atol=1e-6)


def test_cosines_are_clipped():
    vectors = np.array([[1.0000002, 0], [-1.0000002, 0], [0, 0]], np.float32)
    assert pair_scores(vectors, vectors[0]).tolist() == [1.0, -1.0, 0.0]


def test_the_graph_finds_what_a_scan_finds():
    vectors = unit_rows(3000, 16, 1)
    ranks = id_ranks([f"{row:05d}" for row in range(3000)])
    index, quality = settle_ef(
        build_graph(vectors, DenseSettings(m=4, ef_construction=20, ef=10)),
        unit_rows(30, 16, 2),
        candidates=20,
    )
    assert quality.recall_10 >= 0.99
    assert quality.ef > 20, "a poor graph needs a wider search than the start"
    assert index.settings.ef == quality.ef
    query = unit_rows(1, 16, 3)[0]
    rows, scores = index.top(query, 10, ranks)
    exact_rows, exact_scores = index.top(query, 10, ranks, exact=True)
    assert len(set(rows) & set(exact_rows)) >= 9
    common = {row: score for row, score in zip(exact_rows, exact_scores, strict=True)}
    assert all(common.get(row, score) == score for row, score in zip(rows, scores, strict=True))


def test_more_asked_for_than_there_is():
    index = build_graph(unit_rows(5, 8, 0), DenseSettings())
    rows, scores = index.top(unit_rows(1, 8, 1)[0], 50, id_ranks(list("edcba")))
    assert sorted(rows) == [0, 1, 2, 3, 4]
    assert scores.tolist() == sorted(scores, reverse=True)


def test_equal_vectors_are_ordered_by_id():
    index = build_graph(np.repeat(unit_rows(1, 8, 0), 4, axis=0), DenseSettings())
    rows, _ = index.top(unit_rows(1, 8, 1)[0], 2, id_ranks(["d", "b", "c", "a"]))
    assert rows.tolist() == [3, 1]


@pytest.mark.parametrize("count", [0, 1, 200])
def test_round_trip_restores_the_search_breadth_and_the_bytes(tmp_path, count):
    vectors = unit_rows(count, 8, 0)
    for name in ("first", "second"):
        directory = tmp_path / name
        directory.mkdir()
        np.save(directory / "vectors.npy", vectors)
        build_graph(vectors, DenseSettings(ef=77)).save(directory)
    loaded = DenseIndex.load(tmp_path / "first")
    assert loaded.settings.ef == 77
    assert loaded.products == count
    query, ranks = unit_rows(1, 8, 1)[0], id_ranks([str(row) for row in range(count)])
    rows, scores = loaded.top(query, 10, ranks)
    assert scores.tolist() == pair_scores(vectors[rows], query).tolist()
    if count:
        first, second = (tmp_path / name / "hnsw.bin" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()

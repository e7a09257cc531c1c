"""A pair's cosine in any company; both plans against a look at every row."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import BundleError
from index import dense_build
from index.dense import DenseIndex, DenseSettings, pair_scores
from index.dense_build import DenseQuality, arrange
from index.graph import link
from index.ranking import id_ranks
from index.vectors import VectorTable


def arranged(vectors: np.ndarray, plan: str, ef: int = 200) -> DenseIndex:
    settings = DenseSettings(plan=plan, ef=ef)
    return arrange(VectorTable(vectors), unit_rows(3, vectors.shape[1], 9), 5, settings)[0]


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
    index, quality = arrange(
        VectorTable(vectors),
        unit_rows(30, 16, 2),
        20,
        DenseSettings(m=4, ef_construction=20, ef=10, plan="graph"),
    )
    assert min(quality.recall_10, quality.recall_20) >= 0.99
    assert quality.recall_candidates >= 0.95
    assert quality.ef > 20, "a poor graph needs a wider search than the start"
    assert index.settings.ef == quality.ef
    query = unit_rows(1, 16, 3)[0]
    rows, scores = index.top(query, 10, ranks)
    exact_rows, exact_scores = index.top(query, 10, ranks, exact=True)
    assert len(set(rows) & set(exact_rows)) >= 9
    common = {row: score for row, score in zip(exact_rows, exact_scores, strict=True)}
    assert all(common.get(row, score) == score for row, score in zip(rows, scores, strict=True))


@pytest.mark.parametrize("plan", ["scan", "graph"])
def test_more_asked_for_than_there_is(plan):
    index = arranged(unit_rows(5, 8, 0), plan)
    rows, scores = index.top(unit_rows(1, 8, 1)[0], 50, id_ranks(list("edcba")))
    assert sorted(rows) == [0, 1, 2, 3, 4]
    assert scores.tolist() == sorted(scores, reverse=True)


def test_equal_vectors_are_ordered_by_id():
    index = arranged(np.repeat(unit_rows(1, 8, 0), 4, axis=0), "scan")
    rows, _ = index.top(unit_rows(1, 8, 1)[0], 2, id_ranks(["d", "b", "c", "a"]))
    assert rows.tolist() == [3, 1]


def test_a_graph_that_equal_vectors_cut_apart_gives_way_to_a_look_at_every_row():
    vectors = VectorTable(np.repeat(unit_rows(1, 8, 0), 4000, axis=0))
    graph = link(vectors, m=2, ef_construction=4, seed=0)
    index = DenseIndex(vectors, graph, DenseSettings())
    rows, _ = index.top(unit_rows(1, 8, 1)[0], 3000, np.arange(4000))
    assert rows.tolist() == list(range(3000))


def test_small_catalogues_are_scanned_and_large_ones_linked(monkeypatch):
    vectors, queries = unit_rows(2000, 16, 1), unit_rows(20, 16, 2)

    def chosen(candidates: int) -> DenseQuality:
        return arrange(VectorTable(vectors), queries, candidates, DenseSettings())[1]

    assert (chosen(5).plan, chosen(5).ef) == ("scan", None)
    assert chosen(5).recall_candidates == 1.0
    monkeypatch.setattr(dense_build, "SCAN_BYTES", vectors.size // 2 - 1)
    monkeypatch.setattr(dense_build, "ROWS_PER_EF", 2)
    assert (chosen(5).plan, chosen(5).ef) == ("graph", 200)
    monkeypatch.setattr(dense_build, "ROWS_PER_EF", 10)
    assert chosen(5).plan == "scan", "the graph would look at a tenth of the rows"


@pytest.mark.parametrize("plan", ["scan", "graph"])
def test_progress_hears_of_every_row(plan):
    heard: list[int] = []
    arrange(
        VectorTable(unit_rows(50, 8, 0)),
        unit_rows(2, 8, 1),
        5,
        DenseSettings(plan=plan),
        heard.append,
    )
    assert sum(heard) == 50


@pytest.mark.parametrize("plan", ["scan", "graph"])
@pytest.mark.parametrize("count", [1, 200])
def test_round_trip_restores_the_plan_and_the_bytes(tmp_path, count, plan):
    vectors = unit_rows(count, 8, 0)
    for name in ("first", "second"):
        directory = tmp_path / name
        directory.mkdir()
        np.save(directory / "vectors.npy", vectors)
        arranged(vectors, plan, ef=77).save(directory)
    loaded = DenseIndex.load(tmp_path / "first")
    assert (loaded.settings.plan, loaded.settings.ef) == (plan, 77)
    assert loaded.products == count
    query, ranks = unit_rows(1, 8, 1)[0], id_ranks([str(row) for row in range(count)])
    rows, scores = loaded.top(query, 10, ranks)
    assert scores.tolist() == pair_scores(vectors[rows], query).tolist()
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("first", "second")
    )
    assert first == second
    assert ("hnsw.bin" in first) == (plan == "graph")


def test_an_index_that_never_settled_its_scan_looks_at_every_row(tmp_path):
    vectors = unit_rows(200, 8, 0)
    np.save(tmp_path / "vectors.npy", vectors)
    arranged(vectors, "scan").save(tmp_path)
    assert DenseIndex.load(tmp_path).way(5) == "scan"
    about = json.loads((tmp_path / "dense.json").read_text())
    del about["overfetch"]
    (tmp_path / "dense.json").write_text(json.dumps(about))
    assert DenseIndex.load(tmp_path).way(5) == "exact_scan"


def test_an_index_that_names_no_plan_has_a_graph(tmp_path):
    np.save(tmp_path / "vectors.npy", unit_rows(20, 8, 0))
    arranged(unit_rows(20, 8, 0), "graph").save(tmp_path)
    about = json.loads((tmp_path / "dense.json").read_text())
    (tmp_path / "dense.json").write_text(json.dumps({**about, "plan": "guess"}))
    with pytest.raises(BundleError, match="plan is 'guess'"):
        DenseIndex.load(tmp_path)
    del about["plan"]
    (tmp_path / "dense.json").write_text(json.dumps(about))
    assert DenseIndex.load(tmp_path).settings.plan == "graph"

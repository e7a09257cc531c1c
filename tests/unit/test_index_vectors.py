"""Stored vectors against the ones they were made of."""

from __future__ import annotations

import numpy as np
import pytest

from index.dense import DenseIndex, DenseSettings, pair_scores
from index.dense_build import stored_quality
from index.subset import Subset
from index.vectors import VectorTable, store_as

RANDOM = np.random.default_rng(0)


def unit_rows(count: int, dim: int) -> np.ndarray:
    vectors = RANDOM.standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("kind", "size", "error"), [("fp32", 4, 0), ("fp16", 2, 5e-4), ("int8", 1, 8e-3)]
)
def test_a_kind_costs_what_it_says(tmp_path, kind, size, error):
    vectors = unit_rows(500, 64)
    table = store_as(vectors, kind)
    table.save(tmp_path)
    loaded = VectorTable.load(tmp_path, kind)
    assert loaded.kind == kind
    assert loaded.stored.nbytes == 500 * 64 * size
    floats = loaded.take(np.arange(500))
    assert floats.dtype == np.float32
    assert np.abs(floats - vectors).max() <= error
    np.testing.assert_allclose(np.linalg.norm(floats, axis=1), 1.0, atol=2e-4)
    blocks = np.concatenate([block for _, block in loaded.blocks()])
    assert blocks.tolist() == floats.tolist()
    # Stored once more, nothing moves: what a journal replays is what was there.
    assert store_as(floats, kind).take(np.arange(500)).tolist() == floats.tolist()
    quality = stored_quality(vectors, loaded, unit_rows(20, 64))
    assert quality.largest_error <= error * 4
    assert quality.overlap_20 > 0.97


def test_a_row_is_stored_by_itself():
    vectors = unit_rows(50, 32)
    for kind in ("fp16", "int8"):
        every = store_as(vectors, kind).take(np.arange(50))
        alone = store_as(vectors[17:18], kind).take(np.array([0]))
        assert alone[0].tolist() == every[17].tolist()


def test_a_zero_row_stays_zero():
    assert not store_as(np.zeros((2, 8), np.float32), "int8").take(np.array([0, 1])).any()


def test_a_file_of_another_kind_is_refused(tmp_path):
    store_as(unit_rows(5, 8), "fp16").save(tmp_path)
    with pytest.raises(ValueError, match="float16"):
        VectorTable.load(tmp_path, "fp32")
    with pytest.raises(OSError, match="vector_factors"):
        VectorTable.load(tmp_path, "int8")


@pytest.mark.parametrize("plan", ["scan", "graph"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.95, 1.0])
def test_a_subset_is_searched_as_if_it_were_all(plan, share, monkeypatch):
    from index import dense, dense_build

    monkeypatch.setattr(dense, "FEW_FOR_SCAN", 10)
    monkeypatch.setattr(dense, "GRAPH_IN_ROWS", 1)
    vectors, queries = unit_rows(1200, 16), unit_rows(20, 16)
    settings = DenseSettings(plan=plan, ef=400)
    index, _ = dense_build.arrange(VectorTable(vectors), queries, 20, settings)
    mask = RANDOM.random(1200) <= share
    among = Subset(mask)
    ranks = np.arange(1200)
    hits = 0
    for query in queries:
        rows, scores = index.top(query, 20, ranks, among=among)
        exact, best = index.top(query, 20, ranks, exact=True, among=among)
        assert mask[rows].all()
        assert len(rows) == min(20, len(among))
        assert (
            exact.tolist()
            == among.rows[np.argsort(-pair_scores(vectors[mask], query))][:20].tolist()
        )
        hits += len({*rows.tolist()} & {*exact.tolist()})
        known = dict(zip(exact.tolist(), best.tolist(), strict=True))
        found = zip(rows.tolist(), scores.tolist(), strict=True)
        assert all(known.get(row, score) == score for row, score in found)
    assert hits >= 0.99 * 20 * min(20, len(among))


def test_nothing_left_is_no_error():
    vectors = VectorTable(unit_rows(30, 8))
    index = DenseIndex(vectors, None, DenseSettings())
    nothing = Subset(np.zeros(30, bool))
    rows, scores = index.top(unit_rows(1, 8)[0], 5, np.arange(30), among=nothing)
    assert (rows.tolist(), scores.tolist()) == ([], [])

"""The scan of half a byte a dimension against the vectors themselves: how much near is found."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.dense import DenseIndex, DenseSettings, pair_scores
from index.nibble_product import LARGEST, ZERO, NibbleProduct, block_of, model_bytes
from index.ranking import best
from index.scan import NibbleScan
from index.settling import settle_scan
from index.vectors import VectorTable


def shaped_rows(count: int, dim: int, seed: int, shape: str) -> np.ndarray:
    """Unit rows of a given kind; the odd ones are what sixteen steps a dimension serve badly."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((count, dim))
    if shape == "clustered":
        vectors = vectors[random.integers(0, min(3, count), count)] + 1e-3 * vectors
    elif shape == "spiked":
        vectors *= np.where(random.random((count, dim)) < 0.02, 100.0, 1.0)
    elif shape == "sparse":
        vectors *= random.random((count, dim)) < 0.1
        vectors[:, 0] = 0.0
    elif shape == "equal":
        vectors[:] = vectors[0]
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)


SHAPES = ["round", "clustered", "spiked", "sparse", "equal"]
shapes = st.sampled_from(SHAPES)
dims = st.sampled_from([1, 3, 16, 100, 384])


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 400), dims, st.integers(0, 99), shapes, shapes, st.data())
def test_enough_rows_are_proposed_and_none_that_may_not_be(count, dim, seed, shape, asked, data):
    vectors = shaped_rows(count, dim, seed, shape)
    query = shaped_rows(3, dim, seed + 1, asked)[-1]
    overfetch = data.draw(st.floats(1.0, 4.0))
    depth = data.draw(st.integers(1, count))
    among = np.flatnonzero(np.random.default_rng(seed).random(count) < 0.7)
    scan = NibbleScan(VectorTable(vectors), overfetch)
    for rows in (None, among) if len(among) >= depth else (None,):
        near = scan.propose(query, depth, rows)
        near = np.arange(count) if near is None else near
        assert len(near) >= min(np.ceil(depth * overfetch), count if rows is None else len(rows))
        assert (np.diff(near) > 0).all()
        assert rows is None or set(near) <= set(rows)


@pytest.mark.parametrize("dim", [31, 48, 100, 256, 384])
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_what_is_proposed_holds_nearly_all_of_the_nearest(dim, share):
    vectors, queries = shaped_rows(6_000, dim, 3, "round"), shaped_rows(40, dim, 4, "round")
    among = np.flatnonzero(np.random.default_rng(5).random(6_000) < share)
    scan = NibbleScan(VectorTable(vectors), 2.0)
    found = 0
    for query in queries:
        near = among[np.argsort(-pair_scores(vectors[among], query))[:100]]
        proposed = scan.propose(query, 100, None if share == 1.0 else among)
        assert 200 <= len(proposed) < 210
        found += len({*near.tolist()} & {*proposed.tolist()})
    assert found >= 0.99 * 100 * len(queries)


@settings(max_examples=60, deadline=None)
@given(st.integers(50, 400), dims, st.integers(0, 99), shapes, shapes)
def test_what_is_found_has_the_scores_that_a_look_at_every_row_gives(
    count, dim, seed, shape, asked
):
    vectors = shaped_rows(count, dim, seed, shape)
    query = shaped_rows(3, dim, seed + 1, asked)[-1]
    ranks = np.random.default_rng(seed).permutation(count)
    table = VectorTable(vectors)
    index = DenseIndex(table, NibbleScan(table, 2.0), DenseSettings(plan="scan"))
    rows, scores = index.top(query, 20, ranks)
    every = pair_scores(vectors, query)
    assert scores.tolist() == every[rows].tolist()
    assert rows.tolist() == best(rows, scores, ranks, 20)[0].tolist()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dim", [48, 256])
def test_the_number_proposed_is_settled_by_what_an_exact_search_finds(shape, dim):
    vectors = VectorTable(shaped_rows(5_000, dim, 0, shape))
    queries = vectors.take(np.arange(0, 5_000, 50)) + 0.3 * shaped_rows(100, dim, 2, "round")
    dense, recall, reached = settle_scan(vectors, queries, 100, DenseSettings())
    assert reached
    assert min(recall.at_10, recall.at_20) >= 0.99
    assert recall.at_candidates >= 0.995
    assert dense.settings.plan == "scan"
    if shape == "round":
        assert dense.settings.overfetch < 4.0, "of 5,000 rows a few hundred do"
    else:
        assert dense.settings.overfetch >= 1.5
    # A start that is too low is mended.
    low, recall, reached = settle_scan(vectors, queries, 100, DenseSettings(overfetch=1.0))
    assert reached
    assert recall.at_candidates >= 0.995
    if shape == "round":
        assert low.settings.overfetch > 1.0


def test_a_cut_between_equal_rows_proposes_all_of_them():
    vectors = shaped_rows(900, 16, 0, "equal")
    vectors[:10] = shaped_rows(10, 16, 1, "round")
    scan = NibbleScan(VectorTable(vectors), 1.5)
    assert set(range(10, 900)) <= set(scan.propose(vectors[-1], 20).tolist())


def test_few_rows_are_proposed():
    vectors = shaped_rows(20_000, 64, 0, "round")
    scan = NibbleScan(VectorTable(vectors), 1.5)
    queries = shaped_rows(20, 64, 1, "round")
    proposed = [len(scan.propose(query, 200)) for query in queries]
    assert 300 <= min(proposed) <= max(proposed) < 303
    assert len(scan.proposing(3.0).propose(queries[0], 200)) == 600
    assert len(scan.propose(queries[0], 200)) == 300


def test_a_zero_query_is_equally_far_from_every_row():
    vectors = shaped_rows(50, 8, 0, "round")
    scan = NibbleScan(VectorTable(vectors), 1.5)
    assert scan.propose(np.zeros(8, np.float32), 3).tolist() == list(range(50))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.sampled_from([1, 16, 31, 64, 80, 256, 384]), st.integers(0, 99))
def test_a_nibble_product_is_off_by_the_rounding_of_the_query_alone(rows, dim, seed):
    random = np.random.default_rng(seed)
    nibbles = random.integers(0, LARGEST + 1, (rows, dim), np.uint8)
    size = block_of(dim)
    blocks = -(-dim // size)
    scales = random.uniform(0.01, 1.0, (rows, blocks)).astype(np.float32)
    query = random.standard_normal(dim).astype(np.float32)
    values = (nibbles.astype(np.float64) - ZERO) * np.repeat(scales, size, axis=1)[:, :dim]
    # A byte a dimension: off by half of the 127th part of the largest, block by block.
    peaks = [np.abs(query[place : place + size]).max() for place in range(0, dim, size)]
    slack = np.abs(values) @ np.repeat(peaks, size)[:dim] / 254
    found = NibbleProduct(nibbles, scales)(query)
    assert found.shape == (rows,)
    assert found.dtype == np.float32
    assert (np.abs(found - values @ query) <= 1.001 * slack + 1e-4).all()


def test_the_model_is_onnx():
    nibbles = np.arange(120, dtype=np.uint8).reshape(3, 40) % 16
    scales = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    model = onnx.load_from_string(model_bytes(nibbles, scales))
    onnx.checker.check_model(model, full_check=True)
    constants = {value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer}
    packed = constants["nibbles"]
    assert packed.shape == (3, 2, 16)
    spread = np.stack([packed & 15, packed >> 4], axis=-1).reshape(3, 64)
    assert spread[:, :40].tolist() == nibbles.tolist()
    assert set(spread[:, 40:].ravel().tolist()) == {ZERO}
    assert constants["scales"].tolist() == [1, 2, 3, 4, 5, 6]
    (node,) = model.graph.node
    assert (node.op_type, node.domain) == ("MatMulNBits", "com.microsoft")
    assert {attribute.name: attribute.i for attribute in node.attribute} == {
        "K": 40, "N": 3, "bits": 4, "block_size": 32, "accuracy_level": 4,
    }  # fmt: skip

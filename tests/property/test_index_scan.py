"""The scan of one byte a dimension against the vectors themselves: nothing near is left out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.byte_product import ByteProduct, model_bytes
from index.dense import DenseIndex, DenseSettings, pair_scores
from index.ranking import best
from index.scan import MAX_DIM, ByteScan
from index.vectors import VectorTable


def shaped_rows(count: int, dim: int, seed: int, shape: str) -> np.ndarray:
    """Unit rows of a given kind; the odd ones are what a byte a dimension serves badly."""
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


shapes = st.sampled_from(["round", "clustered", "spiked", "sparse", "equal"])


@settings(max_examples=150, deadline=None)
@given(
    st.integers(2, 400), st.sampled_from([1, 3, 16, 100, 384]), st.integers(0, 99), shapes, shapes,
    st.data(),
)  # fmt: skip
def test_the_scan_gives_what_a_look_at_every_row_gives(count, dim, seed, shape, asked, data):
    vectors = shaped_rows(count, dim, seed, shape)
    query = shaped_rows(3, dim, seed + 1, asked)[-1]
    ranks = np.random.default_rng(seed).permutation(count).astype(np.int32)
    depth = data.draw(st.integers(1, count - 1))
    index = DenseIndex(
        VectorTable(vectors), ByteScan(VectorTable(vectors)), DenseSettings(plan="scan")
    )
    rows, scores = index.top(query, depth, ranks)
    every = best(np.arange(count), pair_scores(vectors, query), ranks, depth)
    assert rows.tolist() == every[0].tolist()
    assert scores.tolist() == every[1].tolist()


def test_few_rows_are_proposed():
    vectors = shaped_rows(20_000, 64, 0, "round")
    scan = ByteScan(VectorTable(vectors))
    queries = shaped_rows(20, 64, 1, "round")
    proposed = [len(scan.propose(query, 200)) for query in queries]
    assert 200 <= np.mean(proposed) < 400


def test_a_zero_query_is_equally_far_from_every_row():
    vectors = shaped_rows(50, 8, 0, "round")
    assert ByteScan(VectorTable(vectors)).propose(np.zeros(8, np.float32), 3).tolist() == list(
        range(50)
    )


def test_too_many_dimensions_are_refused():
    with pytest.raises(ValueError, match="more than 2048"):
        ByteScan(VectorTable(np.zeros((1, MAX_DIM + 1), np.float32)))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 80), st.integers(1, 3), st.integers(0, 127), st.data())
def test_a_byte_product_is_exact(rows, dim, left_rows, zero, data):
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    codes = random.integers(-127, 128, (rows, dim), np.int8)
    left = random.integers(0, 128, (left_rows, dim), np.uint8)
    expected = (left.astype(np.int64) - zero) @ codes.T.astype(np.int64)
    assert ByteProduct(codes, zero)(left).tolist() == expected.tolist()


@pytest.mark.parametrize("sign", [-127, 127])
def test_a_byte_product_holds_the_largest_sums(sign):
    codes = np.full((40, MAX_DIM), sign, np.int8)
    left = np.full((2, MAX_DIM), 127, np.uint8)
    assert set(ByteProduct(codes, 0)(left).ravel().tolist()) == {127 * sign * MAX_DIM}


def test_the_model_is_onnx():
    codes = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
    model = onnx.load_from_string(model_bytes(codes, 64))
    onnx.checker.check_model(model, full_check=True)
    constants = {value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer}
    assert constants["codes"].tolist() == codes.T.tolist()
    assert constants["zero"] == 64
    assert [node.op_type for node in model.graph.node] == ["MatMulInteger"]

"""Smaller, faster graphs for processors: the float32 backbone in 8 bits.

Pooling and heads stay float32. The heads are two small matrices close to the identity, and in 8
bits they alone would cost more than everything else (rank agreement@10 .947 instead of .996).

Two formats, both with embedding tables of one scale a row:

- `dynamic`: the activations of one text get one scale, found as they come; weights have a scale a
  column and 7 bits, so that the 16-bit sums of processors without VNNI cannot saturate
  (2 · 255 · 64 < 2¹⁵). The fastest by far; loses most where a few activations are huge. The scale
  spans the whole call, so that this format is only for graphs that are called with one text.
- `blocks`: 8-bit weights and activations with a scale for every 32 values of a row
  (`MatMulNBits`, accuracy level 4). Hardly faster than float32, but close to it.

Measured side by side, with static int8, in `benchmarks/encoder_speed.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

BLOCK = 32  # values sharing one scale in the format `blocks`
WEIGHT_LIMIT = 64  # largest magnitude of a weight in the format `dynamic`: 7 bits
_MIN_TABLE_ROWS = 64  # shorter tables (token types) are not worth a scale

Weights = dict[str, NDArray[Any]]


def dynamic_int8(model: Any) -> Any:
    """`model` (float32) with 7-bit weights and activations quantised call by call."""
    return _rewritten(model, _dynamic_matmul)


def blocks_int8(model: Any) -> Any:
    """`model` (float32) with weights and activations in 8-bit blocks of 32."""
    result = _rewritten(model, _blocks_matmul)
    result.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return result


INT8_FORMATS: dict[str, Callable[[Any], Any]] = {"dynamic": dynamic_int8, "blocks": blocks_int8}


def quantised_columns(
    matrix: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights (k, n) as int8 in ±64 with one scale a column, (n,) float32."""
    scales = _scale(matrix.T, WEIGHT_LIMIT)
    return np.rint(matrix / scales).astype(np.int8), scales


def quantised_rows(
    table: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A table (n, width) as int8 in ±127 with one scale a row, (n, 1) float32."""
    scales = _scale(table, 127)[:, None]
    return np.rint(table / scales).astype(np.int8), scales


def quantised_blocks(
    matrix: NDArray[np.float32],
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Weights (k, n) as (n, ⌈k/32⌉, 32) uint8 around 128, and scales (n, ⌈k/32⌉) float32."""
    columns = np.pad(matrix.T, ((0, 0), (0, -len(matrix) % BLOCK)))
    blocks = columns.reshape(len(columns), -1, BLOCK)
    scales = _scale(blocks, 127)
    return (np.rint(blocks / scales[..., None]) + 128).astype(np.uint8), scales


def _scale(values: NDArray[np.float32], limit: int) -> NDArray[np.float32]:
    """Largest magnitude along the last axis ÷ `limit`; 1 where all is zero."""
    largest = np.abs(values).max(axis=-1)
    return np.where(largest > 0, largest / limit, 1).astype(np.float32)


def _rewritten(model: Any, matmul: Callable[[Any, NDArray[np.float32], Weights], list[Any]]) -> Any:
    """A copy of `model` with its constant matrices and embedding tables in 8 bits."""
    result = _copy(model)
    graph = result.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    added: Weights = {}
    nodes: list[Any] = []
    for node in graph.node:
        if (matrix := _matrix(node, constants)) is not None:
            nodes.extend(matmul(node, matrix, added))
        elif (table := _table(node, constants)) is not None:
            nodes.extend(_gather(node, table, added))
        else:
            nodes.append(node)
    _replace_nodes(graph, nodes)
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in added.items())
    _drop_unused_initialisers(graph)
    return result


def _matrix(node: Any, constants: dict[str, Any]) -> NDArray[np.float32] | None:
    """The constant that a MatMul multiplies by, if it is worth quantising."""
    if node.op_type != "MatMul" or node.input[1] not in constants or not _in_backbone(node):
        return None
    matrix: NDArray[np.float32] = numpy_helper.to_array(constants[node.input[1]])
    return matrix if matrix.ndim == 2 else None


def _table(node: Any, constants: dict[str, Any]) -> NDArray[np.float32] | None:
    """The embedding table that a Gather reads, if it is worth quantising."""
    if node.op_type != "Gather" or node.input[0] not in constants or not _in_backbone(node):
        return None
    table: NDArray[Any] = numpy_helper.to_array(constants[node.input[0]])
    large = table.ndim == 2 and table.dtype == np.float32 and len(table) >= _MIN_TABLE_ROWS
    return table if large else None


def _in_backbone(node: Any) -> bool:
    return bool(node.name.startswith("/backbone"))


def _dynamic_matmul(node: Any, matrix: NDArray[np.float32], added: Weights) -> list[Any]:
    # The shape of this pattern is the one that onnxruntime fuses into a single kernel.
    (values, name), result = node.input, node.output[0]
    added[f"{name}_q"], added[f"{name}_scale"] = quantised_columns(matrix)
    quantised = [f"{values}_q", f"{values}_scale", f"{values}_zero"]
    make = helper.make_node
    return [
        make("DynamicQuantizeLinear", [values], quantised),
        make("MatMulInteger", [f"{values}_q", f"{name}_q", f"{values}_zero"], [f"{result}_int"]),
        make("Cast", [f"{result}_int"], [f"{result}_float"], to=TensorProto.FLOAT),
        make("Mul", [f"{values}_scale", f"{name}_scale"], [f"{result}_scale"]),
        make("Mul", [f"{result}_float", f"{result}_scale"], [result]),
    ]


def _blocks_matmul(node: Any, matrix: NDArray[np.float32], added: Weights) -> list[Any]:
    (values, name), result = node.input, node.output[0]
    added[f"{name}_q"], added[f"{name}_scale"] = quantised_blocks(matrix)
    return [
        helper.make_node(
            "MatMulNBits",
            [values, f"{name}_q", f"{name}_scale"],
            [result],
            domain="com.microsoft",
            K=matrix.shape[0],
            N=matrix.shape[1],
            bits=8,
            block_size=BLOCK,
            accuracy_level=4,
        )
    ]


def _gather(node: Any, table: NDArray[np.float32], added: Weights) -> list[Any]:
    (name, rows), result = node.input, node.output[0]
    added[f"{name}_q"], added[f"{name}_scale"] = quantised_rows(table)
    make = helper.make_node
    return [
        make("Gather", [f"{name}_q", rows], [f"{result}_q"]),
        make("Gather", [f"{name}_scale", rows], [f"{result}_scale"]),
        make("Cast", [f"{result}_q"], [f"{result}_float"], to=TensorProto.FLOAT),
        make("Mul", [f"{result}_float", f"{result}_scale"], [result]),
    ]


def _copy(model: Any) -> Any:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _replace_nodes(graph: Any, nodes: Sequence[Any]) -> None:
    """Let `nodes` be the graph's nodes, those that compute the same value once."""
    first: dict[str, Any] = {}
    for node in nodes:
        first.setdefault(node.output[0], node)
    del graph.node[:]
    graph.node.extend(first.values())


def _drop_unused_initialisers(graph: Any) -> None:
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)

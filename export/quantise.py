"""Smaller, faster graphs from the float32 one: int8 for processors, float16 for CUDA."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

BLOCK = 32  # weights sharing one scale, along the inner dimension
_MIN_TABLE_ROWS = 512  # smaller tables are not worth a scale


def weight_only_int8(model: Any) -> Any:
    """A copy of `model` with 8-bit weights in blocks and 8-bit embedding tables."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        nodes.extend(_int8_nodes(node, weights, graph))
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused_initialisers(graph)
    result.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return result


def _int8_nodes(node: Any, weights: dict[str, Any], graph: Any) -> list[Any]:
    """What replaces `node`: itself where it holds no large constant matrix."""
    if node.op_type == "MatMul" and (tensor := weights.get(node.input[1])) is not None:
        matrix = numpy_helper.to_array(tensor)
        if matrix.ndim == 2 and min(matrix.shape) >= BLOCK:
            return [_matmul(node, tensor.name, matrix, graph)]
    if node.op_type == "Gather" and (tensor := weights.get(node.input[0])) is not None:
        table = numpy_helper.to_array(tensor)
        if table.ndim == 2 and table.dtype == np.float32 and len(table) >= _MIN_TABLE_ROWS:
            return _gather(node, tensor.name, table, graph)
    return [node]


def _matmul(node: Any, name: str, matrix: NDArray[np.float32], graph: Any) -> Any:
    quantised, scales = blocks_int8(matrix)
    _add(graph, f"{name}_q8", quantised)
    _add(graph, f"{name}_scale", scales)
    return helper.make_node(
        "MatMulNBits",
        [node.input[0], f"{name}_q8", f"{name}_scale"],
        list(node.output),
        name=node.name,
        domain="com.microsoft",
        K=matrix.shape[0],
        N=matrix.shape[1],
        bits=8,
        block_size=BLOCK,
        accuracy_level=4,
    )


def _gather(node: Any, name: str, table: NDArray[np.float32], graph: Any) -> list[Any]:
    quantised, scales = rows_int8(table)
    _add(graph, f"{name}_q8", quantised)
    _add(graph, f"{name}_scale", scales)
    stem, indices = node.output[0], node.input[1]
    return [
        helper.make_node("Gather", [f"{name}_q8", indices], [f"{stem}_q8"]),
        helper.make_node("Gather", [f"{name}_scale", indices], [f"{stem}_scale"]),
        helper.make_node("Cast", [f"{stem}_q8"], [f"{stem}_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{stem}_float", f"{stem}_scale"], [stem]),
    ]


def blocks_int8(
    matrix: NDArray[np.float32],
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Weights (k, n) as (n, ⌈k/32⌉, 32) uint8 around 128, and scales (n, ⌈k/32⌉) float32.

    `(quantised - 128) * scale` is within half a scale of the weight.
    """
    columns = matrix.T.astype(np.float32)
    padded = np.pad(columns, ((0, 0), (0, -columns.shape[1] % BLOCK)))
    blocks = padded.reshape(len(columns), -1, BLOCK)
    scales = _scale(blocks)
    quantised = np.rint(blocks / scales[..., None]) + 128
    return quantised.astype(np.uint8), scales


def rows_int8(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Rows (n, width) as int8 with one scale a row, (n, 1) float32."""
    scales = _scale(table)[:, None]
    return np.rint(table / scales).astype(np.int8), scales


def _scale(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest magnitude along the last axis ÷ 127; 1 where all is zero."""
    largest = np.abs(values).max(axis=-1)
    return np.where(largest > 0, largest / 127, 1).astype(np.float32)


def _add(graph: Any, name: str, array: NDArray[Any]) -> None:
    if all(tensor.name != name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(array, name))


def _drop_unused_initialisers(graph: Any) -> None:
    used = {name for node in graph.node for name in node.input}
    used |= {value.name for value in graph.output}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)

"""Products of byte matrices, exact in integers: a few unsigned rows with very many signed ones.

numpy multiplies integers one by one. ONNX Runtime, which runs the encoder, has kernels for the byte
instructions of the CPU and packs the large matrix once. The package `onnx`, which would write the
model of that one node, is not among those a server needs; its few fields are put in place here.
"""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Codes = NDArray[np.int8]

# Numbers of the fields in onnx.proto, by message.
_MODEL_IR, _MODEL_GRAPH, _MODEL_OPSET = 1, 7, 8
_OPSET_VERSION = 2
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_CONSTANT, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR = 1, 2, 4
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_DATA = 1, 2, 8, 9
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR = 1
_ELEMENT, _SHAPE = 1, 2
_SHAPE_DIM = 1
_UINT8, _INT8, _INT32 = 2, 3, 6


class ByteProduct:
    """The product (left - zero) · codesᵀ for a fixed `codes`. Calls may run side by side.

    Kernels for CPUs without VNNI add pairs of products in 16 bits. Bytes up to 127 on the left and
    codes from -127 to 127 keep within them, so every CPU gives the same integers.
    """

    def __init__(self, codes: Codes, zero: int) -> None:
        """`codes` (n, dim) in [-127, 127], n ≥ 1 and n·dim below 2³¹; `zero` in [0, 127]."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(
            model_bytes(codes, zero), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, left: Bytes) -> NDArray[np.int32]:
        """(m, n) int32 for `left` (m, dim) in [0, 127]."""
        product: NDArray[np.int32] = self._session.run(None, {"left": left})[0]
        return product


def model_bytes(codes: Codes, zero: int) -> bytes:
    """An ONNX model of one MatMulInteger with `codes` and `zero` as constants."""
    node = (
        b"".join(_field(_NODE_INPUT, name) for name in (b"left", b"codes", b"zero"))
        + _field(_NODE_OUTPUT, b"product")
        + _field(_NODE_OPERATOR, b"MatMulInteger")
    )
    graph = (
        _field(_GRAPH_NODE, node)
        + _field(_GRAPH_NAME, b"byte_product")
        + _field(_GRAPH_CONSTANT, _tensor(b"codes", _INT8, codes.T))
        + _field(_GRAPH_CONSTANT, _tensor(b"zero", _UINT8, np.array(zero, np.uint8)))
        + _field(_GRAPH_INPUT, _value(b"left", _UINT8))
        + _field(_GRAPH_OUTPUT, _value(b"product", _INT32))
    )
    opset = _field(_OPSET_VERSION, 13)
    return _field(_MODEL_IR, 8) + _field(_MODEL_OPSET, opset) + _field(_MODEL_GRAPH, graph)


def _tensor(name: bytes, element: int, values: NDArray[np.generic]) -> bytes:
    dims = b"".join(_field(_TENSOR_DIMS, size) for size in values.shape)
    data = _field(_TENSOR_DATA, values.tobytes())
    return dims + _field(_TENSOR_TYPE, element) + _field(_TENSOR_NAME, name) + data


def _value(name: bytes, element: int) -> bytes:
    matrix = _field(_SHAPE_DIM, b"") * 2  # of any size
    tensor = _field(_ELEMENT, element) + _field(_SHAPE, matrix)
    return _field(_VALUE_NAME, name) + _field(_VALUE_TYPE, _field(_TYPE_TENSOR, tensor))


def _field(number: int, content: int | bytes) -> bytes:
    # Protocol buffers: a key that holds number and kind, then a number, or a length and bytes.
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])

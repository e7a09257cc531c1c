"""Products of a query with very many rows kept in half a byte a dimension.

ONNX Runtime, which runs the encoder, has kernels for weights of four bits: they read an eighth of
what float32 would, and unpack it on the way to the byte instructions of the CPU. The package
`onnx`, which would write the model of that one node, is not among those a server needs; its few
fields are put in place here.
"""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Nibbles = NDArray[np.uint8]
Floats = NDArray[np.float32]

# A nibble stands for this much less.
ZERO = 8
LARGEST = 15
# Dimensions that share a scale: the longer, the quicker (CPU with VNNI, 32,438 rows of 256: 122 us
# at 256, 172 at 64). The kernels take powers of two.
_BLOCKS = (256, 128, 64, 32)

# Numbers of the fields in onnx.proto, by message.
_MODEL_IR, _MODEL_GRAPH, _MODEL_OPSET = 1, 7, 8
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_CONSTANT, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_TYPE = 1, 3, 20
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_DATA = 1, 2, 8, 9
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR = 1
_ELEMENT, _SHAPE = 1, 2
_SHAPE_DIM = 1
_FLOAT, _UINT8 = 1, 2
_KIND_INT = 2
_DOMAIN = b"com.microsoft"
# Sums in whole numbers: the query is rounded to a byte a dimension, block by block.
_ACCURACY_BYTES = 4


def block_of(dim: int) -> int:
    """How many of `dim` dimensions share a scale; the last block may be cut short."""
    return next((block for block in _BLOCKS if dim % block == 0), _BLOCKS[-1])


class NibbleProduct:
    """(nibbles - ZERO) · scales · query for a fixed matrix. Calls may run side by side."""

    def __init__(self, nibbles: Nibbles, scales: Floats) -> None:
        """`nibbles` (n, dim) in [0, LARGEST], n ≥ 1; `scales` (n, blocks of `block_of(dim)`)."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(
            model_bytes(nibbles, scales), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, query: Floats) -> Floats:
        """(n,) float32, about the product with `query` (dim,) float32."""
        product: Floats = self._session.run(None, {"query": query[None, :]})[0][0]
        return product


def model_bytes(nibbles: Nibbles, scales: Floats) -> bytes:
    """An ONNX model of one MatMulNBits with the matrix and its scales as constants."""
    rows, dim = nibbles.shape
    numbers = {
        b"K": dim,
        b"N": rows,
        b"bits": 4,
        b"block_size": block_of(dim),
        b"accuracy_level": _ACCURACY_BYTES,
    }
    node = (
        b"".join(_field(_NODE_INPUT, name) for name in (b"query", b"nibbles", b"scales"))
        + _field(_NODE_OUTPUT, b"product")
        + _field(_NODE_OPERATOR, b"MatMulNBits")
        + b"".join(_field(_NODE_ATTRIBUTE, _number(*pair)) for pair in numbers.items())
        + _field(_NODE_DOMAIN, _DOMAIN)
    )
    graph = (
        _field(_GRAPH_NODE, node)
        + _field(_GRAPH_NAME, b"nibble_product")
        + _field(_GRAPH_CONSTANT, _tensor(b"nibbles", _UINT8, _packed(nibbles)))
        + _field(_GRAPH_CONSTANT, _tensor(b"scales", _FLOAT, scales.ravel()))
        + _field(_GRAPH_INPUT, _value(b"query"))
        + _field(_GRAPH_OUTPUT, _value(b"product"))
    )
    plain = _field(_OPSET_VERSION, 17)
    contributed = _field(_OPSET_DOMAIN, _DOMAIN) + _field(_OPSET_VERSION, 1)
    opsets = _field(_MODEL_OPSET, plain) + _field(_MODEL_OPSET, contributed)
    return _field(_MODEL_IR, 8) + _field(_MODEL_GRAPH, graph) + opsets


def _packed(nibbles: Nibbles) -> Nibbles:
    """Two a byte, the first one low: (n, blocks, half a block)."""
    rows, dim = nibbles.shape
    block = block_of(dim)
    missing = -dim % block
    whole = np.pad(nibbles, ((0, 0), (0, missing)), constant_values=ZERO) if missing else nibbles
    packed = whole[:, 0::2] | whole[:, 1::2] << np.uint8(4)
    return packed.reshape(rows, -1, block // 2).astype(np.uint8, copy=False)


def _number(name: bytes, value: int) -> bytes:
    kind = _field(_ATTRIBUTE_TYPE, _KIND_INT)
    return _field(_ATTRIBUTE_NAME, name) + _field(_ATTRIBUTE_INT, value) + kind


def _tensor(name: bytes, element: int, values: NDArray[np.generic]) -> bytes:
    dims = b"".join(_field(_TENSOR_DIMS, size) for size in values.shape)
    data = _field(_TENSOR_DATA, values.tobytes())
    return dims + _field(_TENSOR_TYPE, element) + _field(_TENSOR_NAME, name) + data


def _value(name: bytes) -> bytes:
    matrix = _field(_SHAPE_DIM, b"") * 2  # of any size
    tensor = _field(_ELEMENT, _FLOAT) + _field(_SHAPE, matrix)
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

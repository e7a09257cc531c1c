"""From a trained network to one ONNX graph with pooling, both heads and normalisation inside.

The graph is traced by optimum (`export_pytorch`, TorchScript exporter) over the whole
`TwinEncoder`. Two other ways were tried and left: optimum's own task `feature-extraction` stops at
`last_hidden_state`, so pooling would have to be repeated outside the graph; and a bare
`torch.onnx.export` gives the same nodes for BERT and XLM-R but lacks the patches that optimum keeps
for backbones whose attention masks cannot be traced. The newer dynamo exporter's graphs could not
be quantised.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from catalog.errors import BundleError
from export.session import INPUTS, OUTPUTS

if TYPE_CHECKING:
    from training.model import TwinEncoder

OPSET = 18


def write_onnx(model: TwinEncoder, path: Path) -> None:
    """Trace `model` to float32 ONNX at `path`.

    Inputs `input_ids`, `attention_mask` (n, length) int64; outputs `query_vector`, `item_vector`
    (n, dim) float32, rows L2 = 1. Raises BundleError when the backbone cannot be traced.
    """
    from optimum.exporters.onnx.convert import export_pytorch

    # optimum reads the settings of a transformers model; ours wraps one.
    model.config = model.backbone.config  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecations and tracer remarks
            export_pytorch(model, _onnx_config(model), OPSET, path)
    except Exception as error:  # torch and optimum raise many kinds here
        raise BundleError(
            f"the backbone cannot be traced to ONNX: {error}",
            found=type(model.backbone).__name__,
            hint="Use a BERT-like backbone (BERT, XLM-RoBERTa, e5, MiniLM …).",
        ) from error
    graph_model = onnx.load(path)
    _drop_identities(graph_model.graph)
    _fix_output_length(graph_model.graph, model.spec.dim)
    onnx.checker.check_model(graph_model)
    onnx.save(graph_model, path)


def _onnx_config(model: TwinEncoder) -> Any:
    from optimum.exporters.onnx.config import TextEncoderOnnxConfig
    from optimum.utils import NormalizedTextConfig

    class TwinOnnxConfig(TextEncoderOnnxConfig):  # type: ignore[misc]  # optimum is untyped
        NORMALIZED_CONFIG_CLASS = NormalizedTextConfig

        @property
        def inputs(self) -> dict[str, dict[int, str]]:
            return {name: {0: "n", 1: "length"} for name in INPUTS}

        @property
        def outputs(self) -> dict[str, dict[int, str]]:
            return {name: {0: "n"} for name in OUTPUTS}

    return TwinOnnxConfig(model.config)


def _drop_identities(graph: Any) -> None:
    """Let the readers of an `Identity` read its input: equal weights are shared through them."""
    results = {value.name for value in graph.output}
    dropped = [
        node for node in graph.node if node.op_type == "Identity" and node.output[0] not in results
    ]
    source = {node.output[0]: node.input[0] for node in dropped}
    for node in graph.node:
        for position, name in enumerate(node.input):
            while name in source:
                name = source[name]
            node.input[position] = name
    for node in dropped:
        graph.node.remove(node)


def _fix_output_length(graph: Any, dim: int) -> None:
    for value in graph.output:
        value.type.tensor_type.shape.dim[1].Clear()
        value.type.tensor_type.shape.dim[1].dim_value = dim

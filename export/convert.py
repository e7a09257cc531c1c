"""From a trained network to one ONNX graph with pooling, both heads and normalisation inside.

The graph is traced by optimum (`export_pytorch`, TorchScript exporter) over the whole
`TwinEncoder`. Two other ways were tried and left: optimum's own task `feature-extraction` stops at
`last_hidden_state`, so pooling would have to be repeated outside the graph; and a bare
`torch.onnx.export` gives the same nodes for BERT and XLM-R but lacks the patches that optimum keeps
for backbones whose attention masks cannot be traced. The newer dynamo exporter's graphs could not
be quantised.

The float16 graph is traced from a float16 backbone. Converting the float32 graph afterwards sends
every value that stays float32, the vectors too, through float16, and leaves norms off by 5e-4.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import onnx

from catalog.errors import BundleError
from export.session import INPUTS, OUTPUTS

if TYPE_CHECKING:
    from training.model import TwinEncoder

OPSET = 18
MAX_BYTES = 1_900_000_000  # a protobuf holds 2 GiB
_EXAMPLE = {"batch_size": 2, "sequence_length": 8}  # what is traced; both are free in the graph


def write_onnx(model: TwinEncoder, path: Path) -> None:
    """Trace `model` to float32 ONNX at `path`.

    Inputs `input_ids`, `attention_mask` (n, length) int64; outputs `query_vector`, `item_vector`
    (n, dim) float32, rows L2 = 1. Changes `model` in place: a bag of subwords loses what of a BERT
    it has no use for. Raises BundleError when the backbone cannot be traced.
    """
    from optimum.exporters.onnx.convert import export_pytorch

    _check_size(model)
    model.backbone = _shortest(model.backbone)
    # optimum reads the settings of a transformers model; ours wraps one.
    model.config = model.backbone.config  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecations and tracer remarks
            export_pytorch(model, _onnx_config(model), OPSET, path, input_shapes=_EXAMPLE)
    except Exception as error:  # torch and optimum raise many kinds here
        raise BundleError(
            f"the backbone cannot be traced to ONNX: {error}",
            found=str(model.backbone.config.model_type),
            hint="Use a BERT-like backbone (BERT, XLM-RoBERTa, e5, MiniLM …).",
        ) from error
    graph_model = onnx.load(path)
    _drop_identities(graph_model.graph)
    _fix_output_length(graph_model.graph, model.spec.dim)
    onnx.checker.check_model(graph_model)
    onnx.save(graph_model, path)


def write_half_onnx(model: TwinEncoder, path: Path) -> None:
    """Trace `model` with a float16 backbone; pooling, heads and vectors stay float32.

    Changes `model` in place. Raises what `write_onnx` raises.
    """
    from torch import Tensor, nn

    class HalfBackbone(nn.Module):
        def __init__(self, backbone: nn.Module) -> None:
            super().__init__()
            self.inner = _shortest(backbone).half()
            self.config = backbone.config

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
            hidden = self.inner(input_ids=input_ids, attention_mask=attention_mask)
            return SimpleNamespace(last_hidden_state=hidden.last_hidden_state.float())

    model.backbone = HalfBackbone(model.backbone)  # type: ignore[assignment]
    write_onnx(model, path)


def is_bag(backbone: Any) -> bool:
    """Whether a token's vector is the same wherever it stands: no layers, no positions."""
    embeddings: Any = getattr(backbone, "embeddings", None)
    if getattr(backbone.config, "num_hidden_layers", 1) or embeddings is None:
        return False
    unused = (embeddings.position_embeddings, embeddings.token_type_embeddings)
    return not any(table.weight.any() for table in unused)


def _shortest(backbone: Any) -> Any:
    """A BERT without layers as what it computes: normed token vectors, the same to the last bit.

    Traced as it is, it would add zeros for positions and spread a mask that nothing reads: half of
    the nodes, and half of the time of a query.
    """
    from torch import Tensor, nn

    if not is_bag(backbone):
        return backbone
    embeddings: Any = backbone.embeddings

    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.norm = embeddings.word_embeddings, embeddings.LayerNorm
            self.config = backbone.config

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
            return SimpleNamespace(last_hidden_state=self.norm(self.words(input_ids)))

    return Bag()


def _check_size(model: TwinEncoder) -> None:
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    if size > MAX_BYTES:
        raise BundleError(
            "the network is too large for one ONNX file",
            expected=f"at most {MAX_BYTES / 1e9:.1f} GB of weights",
            found=f"{size / 1e9:.1f} GB",
            hint="Use a smaller backbone; the intended size is about 0.1 billion weights.",
        )


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

"""int8 formats side by side: milliseconds a text on one core, size on disk, and what they lose.

    OMP_NUM_THREADS=1 python benchmarks/encoder_speed.py [CHECKPOINT ...] \
        --out benchmarks/encoder_speed.json

Speed is that of untrained networks (20,000 tokens, width 256, vectors of 256); loss needs trained
ones, given as checkpoints with their `parity_texts.json`. Formats: `dynamic` and `blocks` of
export.quantise, `static` (calibrated on 300 texts, largest values), each with int8 tables, and
`dynamic with heads` to show what quantising the heads too would cost.

Clocks wander: the formats take turns, a fixed calculation (the kernel) runs before every timing,
and `kernel_us` is its median. Compare two runs by their ratios to it, not by milliseconds.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from catalog.artefact import read_manifest
from catalog.encoder_spec import EncoderSpec
from export.convert import write_onnx
from export.parity import Sides, cosines, rank_agreement
from export.quantise import blocks_int8, dynamic_int8
from export.session import EncoderGraph
from export.texts import ParityTexts
from export.tokens import TokenReader
from training.model import TwinEncoder, fresh_backbone

LAYERS = (0, 2, 3, 4)
SHAPES = {  # name: (texts a call, tokens a text)
    "8 tokens": (1, 8),
    "16 tokens": (1, 16),
    "32 tokens": (1, 32),
    "64 tokens": (1, 64),
    "32 tokens, 64 a call": (64, 32),
}
ROUNDS = 25
Ids = list[list[int]]


def kernel() -> float:
    """Seconds of a fixed calculation: what the machine is worth at this moment."""
    start = perf_counter()
    matrix = np.arange(128 * 128, dtype=np.float32).reshape(128, 128) / 1e4
    for _ in range(4):
        matrix = np.tanh(matrix @ matrix)
    return perf_counter() - start


class _Texts(CalibrationDataReader):
    def __init__(self, ids: Ids) -> None:
        self.feeds: Iterator[dict[str, Any]] = (
            {"input_ids": np.array([text]), "attention_mask": np.ones((1, len(text)), np.int64)}
            for text in ids
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self.feeds, None)


def static_int8(model: Any, ids: Ids, directory: Path) -> Any:
    """Quantise-dequantise pairs with scales fixed by `ids`, in onnxruntime's own way."""
    source, target = directory / "source.onnx", directory / "static.onnx"
    onnx.save(model, source)
    outside = [node.name for node in model.graph.node if not node.name.startswith("/backbone")]
    quantize_static(
        source,
        target,
        _Texts(ids),
        op_types_to_quantize=["MatMul"],
        nodes_to_exclude=outside,
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )
    return dynamic_int8(onnx.load(target))  # what is left to quantise are the tables


def with_heads(model: Any) -> Any:
    """Dynamic int8 with pooling and heads counted to the backbone."""
    everything = onnx.ModelProto()
    everything.CopyFrom(model)
    for node in everything.graph.node:
        node.name = f"/backbone{node.name}"
    return dynamic_int8(everything)


FORMATS: dict[str, Callable[[Any, Ids, Path], Any]] = {
    "fp32": lambda model, ids, directory: model,
    "dynamic": lambda model, ids, directory: dynamic_int8(model),
    "static": static_int8,
    "blocks": lambda model, ids, directory: blocks_int8(model),
}
LOSSY: dict[str, Callable[[Any, Ids, Path], Any]] = {
    **FORMATS,
    "dynamic with heads": lambda model, ids, directory: with_heads(model),
}


def untrained(layers: int) -> TwinEncoder:
    """A network of the given depth with new weights."""
    from transformers import BertConfig

    config = BertConfig(
        vocab_size=20_000,
        hidden_size=256,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=1024,
        max_position_embeddings=128,
    )
    backbone = fresh_backbone(config)
    backbone.set_attn_implementation("eager")  # as TwinEncoder.load has it
    return TwinEncoder(backbone, EncoderSpec(dim=256, pooling="weighted")).eval()


def graphs(
    model: TwinEncoder, ids: Ids, formats: dict[str, Callable[..., Any]], directory: Path
) -> dict[str, Path]:
    """The network in every format, as files."""
    write_onnx(model, directory / "fp32.onnx")
    source = onnx.load(directory / "fp32.onnx")
    paths = {}
    for name, quantise in formats.items():
        paths[name] = directory / f"{name.replace(' ', '_')}.onnx"
        onnx.save(quantise(source, ids, directory), paths[name])
    return paths


def speed(paths: dict[str, Path]) -> dict[str, Any]:
    """Median milliseconds a text by format and shape, formats in turns; size in MB."""
    rng = np.random.default_rng(0)
    opened = {name: EncoderGraph(path) for name, path in paths.items()}
    batches = {name: rng.integers(4, 20_000, shape) for name, shape in SHAPES.items()}
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    kernels: list[float] = []
    for _ in range(ROUNDS):
        for shape, batch in batches.items():
            repeats = max(1, 400 // batch.size)
            for name, graph in opened.items():
                kernels.append(kernel())
                for _ in range(repeats):
                    start = perf_counter()
                    graph.run(batch, "query_vector")
                    times[name, shape].append((perf_counter() - start) * 1e3 / len(batch))
    return {
        "kernel_us": round(float(np.median(kernels)) * 1e6, 1),
        "formats": {
            name: {
                "size_mb": round(path.stat().st_size / 1e6, 1),
                "ms_per_text": {
                    shape: round(float(np.median(times[name, shape])), 4) for shape in SHAPES
                },
            }
            for name, path in paths.items()
        },
    }


def loss(paths: dict[str, Path], queries: Ids, items: Ids) -> dict[str, Any]:
    """Cosine with float32 and rank agreement@10, every text a call of its own."""
    vectors = {}
    for name, path in paths.items():
        graph = EncoderGraph(path)
        vectors[name] = Sides(
            np.concatenate([graph.run(np.array([text]), "query_vector") for text in queries]),
            np.concatenate([graph.run(np.array([text]), "item_vector") for text in items]),
        )
    reference = vectors["fp32"]
    return {
        name: {
            "mean_cosine": round(float(cosines(reference, sides).mean()), 6),
            "min_cosine": round(float(cosines(reference, sides).min()), 6),
            "rank_agreement@10": round(rank_agreement(reference, sides), 4),
        }
        for name, sides in vectors.items()
    }


def raise_one_unit(model: TwinEncoder) -> None:
    """Huge activations, as large pretrained networks have: one unit a layer, leading nowhere."""
    for layer in model.backbone.encoder.layer:
        layer.intermediate.dense.bias.data[5] = 100.0
        layer.output.dense.weight.data[:, 5] = 0.0


def measure_checkpoint(checkpoint: Path, directory: Path) -> dict[str, Any]:
    """Loss by format of a trained network, on the texts stored with it."""
    model = TwinEncoder.load(checkpoint).eval()
    texts = ParityTexts.load(checkpoint / "parity_texts.json")
    tokens = TokenReader(checkpoint / "tokenizer.json")
    rendered = [model.spec.template.query(text) for text in texts.queries]
    queries = tokens.ids(rendered, model.spec.max_query_tokens)
    items = tokens.ids(texts.items, model.spec.max_item_tokens)
    some = queries[::2] + items[::10]
    manifest = read_manifest(checkpoint, "checkpoint")
    plain = loss(graphs(model, some, LOSSY, directory), queries, items)
    raise_one_unit(model)
    return {
        "checkpoint": manifest.fingerprint[:12],
        "architecture": model.spec.architecture,
        "recipe": manifest.config,
        "loss": plain,
        "loss, one unit at 100": loss(graphs(model, some, FORMATS, directory), queries, items),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    report: dict[str, Any] = {
        "machine": {"processor": _processor(), "python": platform.python_version()},
        "libraries": {name: version(name) for name in ("onnxruntime", "onnx", "torch")},
        "speed": {},
        "loss": [],
    }
    some = np.random.default_rng(1).integers(4, 20_000, (100, 16)).tolist()
    with tempfile.TemporaryDirectory() as directory:
        for layers in LAYERS:
            paths = graphs(untrained(layers), some, FORMATS, Path(directory))
            report["speed"][f"{layers}x256"] = speed(paths)
            print(f"{layers}x256", json.dumps(report["speed"][f"{layers}x256"]["formats"]))
        for checkpoint in arguments.checkpoints:
            report["loss"].append(measure_checkpoint(checkpoint, Path(directory)))
            print(json.dumps(report["loss"][-1], indent=1))
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()

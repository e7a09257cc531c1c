"""Checkpoint in, encoder bundle out: the graphs compute what the network computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from catalog.artefact import read_manifest
from catalog.errors import BundleError, MissingFile, ParityError
from catalog.products import write_products
from export import convert
from export.build import export_encoder
from export.bundle import EncoderBundle, Precision
from export.cli import app
from export.parity import Bounds
from export.session import OUTPUTS, EncoderGraph
from export.texts import ParityTexts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "encoder"
    export_encoder(checkpoint, out)
    return out


NETWORKS = [
    {"layers": 0, "pooling": "weighted"},
    {"layers": 0, "pooling": "mean"},
    {"layers": 1, "pooling": "cls"},
    {"layers": 2, "pooling": "mean", "architecture": "xlm-r"},
]


@pytest.mark.parametrize(
    "network", NETWORKS, ids=lambda network: "-".join(map(str, network.values()))
)
def test_every_kind_of_network_keeps_its_vectors(
    network: dict[str, Any], make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    # Untrained vectors are close together, and their order says little about the export.
    bounds = Bounds(rank_agreement=0.8)
    made = export_encoder(make_checkpoint(tmp_path / "c", **network), tmp_path / "b", bounds=bounds)
    by_precision = {parity.precision: parity for parity in made.models}
    assert by_precision["fp32"].against == "torch"
    assert by_precision["fp32"].min_cosine > 1 - 1e-6
    assert by_precision["fp16"].min_cosine > 0.999
    assert by_precision["int8"].mean_cosine > 0.99
    assert all(parity.batch_difference == 0 for parity in made.models)


def test_the_graph_equals_the_network_on_padded_batches(checkpoint: Path, bundle: Path) -> None:
    import torch

    from training.model import TwinEncoder

    ids = np.random.default_rng(0).integers(4, 100, (5, 9))
    mask = (np.arange(9) < np.array([[9], [4], [7], [1], [9]])).astype(np.int64)
    with torch.inference_mode():
        query, item = TwinEncoder.load(checkpoint).eval()(torch.tensor(ids), torch.tensor(mask))
    graph = EncoderGraph(bundle / "model.fp32.onnx")
    np.testing.assert_allclose(graph.run(ids, "query_vector", mask), query.numpy(), atol=1e-6)
    np.testing.assert_allclose(graph.run(ids, "item_vector", mask), item.numpy(), atol=1e-6)


def test_a_bag_is_traced_without_what_adds_nothing(
    make_checkpoint: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.model import TwinEncoder

    bag = make_checkpoint(tmp_path / "c", layers=0, pooling="weighted")

    def traced(name: str, *, placeless: bool) -> EncoderGraph:
        model = TwinEncoder.load(bag).eval()
        if placeless:
            embeddings: Any = model.backbone.embeddings
            for table in (embeddings.position_embeddings, embeddings.token_type_embeddings):
                table.weight.data.zero_()
        convert.write_onnx(model, tmp_path / name)
        return EncoderGraph(tmp_path / name)

    def nodes(name: str) -> int:
        return sum(node.op_type != "Constant" for node in onnx.load(tmp_path / name).graph.node)

    traced("placed.onnx", placeless=False)
    short = traced("short.onnx", placeless=True)
    monkeypatch.setattr(convert, "_shortest", lambda backbone: backbone)
    whole = traced("whole.onnx", placeless=True)
    ids = np.random.default_rng(0).integers(4, 100, (5, 9))
    assert nodes("short.onnx") <= 22 < nodes("whole.onnx") == nodes("placed.onnx")
    for output in OUTPUTS:
        np.testing.assert_array_equal(short.run(ids, output), whole.run(ids, output))


def test_the_bundle_says_what_it_is(checkpoint: Path, bundle: Path) -> None:
    manifest = read_manifest(bundle, "encoder")
    assert manifest.parents == {"checkpoint": read_manifest(checkpoint, "checkpoint").fingerprint}
    assert set(manifest.quality) == {"fp32", "int8", "fp16"}
    report = json.loads((bundle / "parity.json").read_text())
    assert report["texts"] == {"queries": 120, "items": 120}
    assert report["bounds"]["rank_agreement"] == 0.95
    assert [model["precision"] for model in report["models"]] == ["fp32", "int8", "fp16"]
    assert EncoderBundle.load(bundle).train_queries == {"00ff", "11ee"}


def test_fp16_unchecked_on_cuda_says_so(bundle: Path) -> None:
    report = json.loads((bundle / "parity.json").read_text())
    fp16 = report["models"][2]
    assert fp16["provider"] == "cuda" or "not checked" in report["notes"][0]


def test_pooling_and_heads_stay_float_in_int8(bundle: Path) -> None:
    graph = onnx.load(bundle / "model.int8.onnx").graph
    float_products = [node.name for node in graph.node if node.op_type == "MatMul"]
    weighted = [name for name in float_products if not name.startswith("/backbone")]
    assert sorted(weighted) == ["/item_head/MatMul", "/query_head/MatMul", "/token_weight/MatMul"]
    constants = {tensor.name for tensor in graph.initializer}
    assert not any(
        node.input[1] in constants
        for node in graph.node
        if node.op_type == "MatMul" and node.name.startswith("/backbone")
    )


def test_exporting_again_gives_the_same_fingerprints(
    checkpoint: Path, bundle: Path, tmp_path: Path
) -> None:
    export_encoder(checkpoint, tmp_path / "again", precisions=("int8",))
    for precision in ("fp32", "int8"):
        first, second = (
            EncoderBundle.load(path, precision=precision) for path in (bundle, tmp_path / "again")
        )
        assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("bounds", "measure"),
    [
        (Bounds(traced_cosine=1.1), "min_cosine >= 1.1"),
        (Bounds(mean_cosine=1.1), "mean_cosine >= 1.1"),
        (Bounds(rank_agreement=1.1), "rank_agreement >= 1.1"),
    ],
)
def test_a_bundle_out_of_bounds_is_refused(
    checkpoint: Path, tmp_path: Path, bounds: Bounds, measure: str
) -> None:
    with pytest.raises(ParityError) as caught:
        export_encoder(checkpoint, tmp_path / "b", precisions=("int8",), bounds=bounds)
    assert caught.value.expected == measure
    assert caught.value.where == str(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_huge_activations_take_the_finer_int8(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    def outliers(model: Any) -> None:
        # One hidden unit stands at 100 and goes nowhere: it changes nothing but the scale.
        for layer in model.backbone.encoder.layer:
            layer.intermediate.dense.weight.data *= 5
            layer.intermediate.dense.bias.data[5] = 100.0
            layer.output.dense.weight.data *= 20
            layer.output.dense.weight.data[:, 5] = 0.0

    made = export_encoder(
        make_checkpoint(tmp_path / "c", change=outliers),
        tmp_path / "b",
        precisions=("int8",),
        bounds=Bounds(rank_agreement=0.7),
    )
    assert made.models[1].format == "blocks"
    assert "format dynamic refused" in made.notes[0]


def test_a_diverged_network_is_refused(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    def diverge(model: Any) -> None:
        model.query_head.weight.data.fill_(float("nan"))

    with pytest.raises(BundleError, match="not finite"):
        export_encoder(make_checkpoint(tmp_path / "c", change=diverge), tmp_path / "b")


def test_a_network_too_large_for_one_file_is_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.convert.MAX_BYTES", 1000)
    with pytest.raises(BundleError, match="too large"):
        export_encoder(checkpoint, tmp_path / "b")


def test_too_few_positions_are_refused(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    short = make_checkpoint(tmp_path / "c", positions=12)
    texts = ParityTexts(("red kettle",) * 10, ("red kettle",) * 30)
    with pytest.raises(BundleError, match="20 tokens"):
        export_encoder(short, tmp_path / "b", texts=texts)


def test_a_checkpoint_without_texts_asks_for_some(checkpoint: Path, tmp_path: Path) -> None:
    from catalog.artefact import write_manifest, writing

    with writing(tmp_path / "c", "checkpoint") as directory:
        for name in ("encoder.json", "tokenizer.json", "train_queries.json"):
            (directory / name).write_bytes((checkpoint / name).read_bytes())
        write_manifest(directory, "checkpoint")
    with pytest.raises(MissingFile, match="--texts"):
        export_encoder(tmp_path / "c", tmp_path / "b")


def test_the_command_compares_on_a_catalogue(
    checkpoint: Path, tmp_path: Path, demo_products: list[Any]
) -> None:
    write_products(tmp_path / "products.jsonl", demo_products)
    # Queries that differ: of nearly equal vectors a rounding turns the ranks.
    asked = [" ".join(product.title.split()[1:]) for product in demo_products[::3]]
    (tmp_path / "queries.txt").write_text("\n".join(asked))
    arguments = [str(checkpoint), "--out", str(tmp_path / "b"), "--precision", "int8"]
    arguments += ["--products", str(tmp_path / "products.jsonl")]
    lacking = CliRunner().invoke(app, arguments)
    assert isinstance(lacking.exception, BundleError)
    done = CliRunner().invoke(app, [*arguments, "--queries", str(tmp_path / "queries.txt")])
    assert done.exit_code == 0, done.output
    assert "int8   dynamic" in done.output
    assert f"wrote {tmp_path / 'b'}" in done.output
    report = json.loads((tmp_path / "b" / "parity.json").read_text())
    assert report["texts"] == {"queries": len(set(asked)), "items": 120}


@pytest.mark.parametrize("precision", ["fp32", "int8", "fp16"])
def test_vectors_are_unit_rows(bundle: Path, precision: Precision) -> None:
    encoder = EncoderBundle.load(bundle, precision=precision)
    vectors = encoder.encode_queries(["red kettle", "", "wool", "\u200b", "🙂", "a" * 100_000])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

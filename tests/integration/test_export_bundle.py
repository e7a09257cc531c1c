"""Reading encoder bundles: products in order, and every damage a named error."""

from __future__ import annotations

import gc
import json
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from catalog.artefact import read_manifest, write_manifest
from catalog.errors import BundleError, EncoderMismatch, HashMismatch, MissingFile
from catalog.model import Product
from export.build import export_encoder
from export.bundle import EncoderBundle, copy_serving_files
from export.session import EncoderGraph

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "encoder"
    export_encoder(checkpoint, out, precisions=("int8",))
    return out


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "encoder"))


@pytest.fixture(scope="module")
def encoder(made: Path) -> EncoderBundle:
    return EncoderBundle.load(made)


def rewrite_manifest(bundle: Path) -> None:
    write_manifest(bundle, "encoder")


def test_products_are_read_as_a_stream_and_come_back_in_order(
    encoder: EncoderBundle, demo_products: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.bundle._CHUNK", 50)
    done: list[int] = []
    read: list[int] = []

    def stream() -> Iterator[Product]:
        for number, product in enumerate(demo_products):
            read.append(number)
            assert number - sum(done) <= 50
            yield product

    vectors = encoder.encode_products(stream(), done.append)
    texts = [encoder.spec.template.item(product) for product in demo_products]
    np.testing.assert_array_equal(vectors, encoder.encode_items(texts))
    assert sum(done) == len(read) == len(demo_products)


def test_nothing_in_nothing_out(encoder: EncoderBundle) -> None:
    assert encoder.encode_products([]).shape == (0, 32)
    assert encoder.encode_queries([]).shape == (0, 32)


def test_long_texts_are_cut_and_close_with_their_special_token(encoder: EncoderBundle) -> None:
    tokens = encoder.query_tokens("red kettle " * 50)
    assert len(tokens) == encoder.spec.max_query_tokens
    assert tokens[-1] == encoder.query_tokens("")[-1]


def test_queries_are_normalised(encoder: EncoderBundle) -> None:
    np.testing.assert_array_equal(
        encoder.encode_queries(["RED\u00a0 Kettle\u200b"]), encoder.encode_queries(["red kettle"])
    )


def test_a_text_without_a_token_is_a_zero_row(bundle: Path) -> None:
    tokenizer = json.loads((bundle / "tokenizer.json").read_text())
    tokenizer["post_processor"] = None
    (bundle / "tokenizer.json").write_text(json.dumps(tokenizer))
    (bundle / "probe.json").unlink()
    rewrite_manifest(bundle)
    vectors = EncoderBundle.load(bundle).encode_queries(["", "red kettle"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([0, 1])


def test_a_bundle_is_gone_with_its_last_user(bundle: Path) -> None:
    """A service opens one with every version: what waits for the collector piles up."""
    gc.disable()
    try:
        encoder = EncoderBundle.load(bundle)
        encoder.encode_queries(["red kettle"])
        asked = encoder.query_tokens("red kettle")
        kept = weakref.ref(encoder)
        del encoder
        assert asked
        assert kept() is None
    finally:
        gc.enable()


def test_the_slim_copy_is_the_same_encoder(made: Path, tmp_path: Path) -> None:
    copy_serving_files(made, tmp_path / "slim", "int8")
    names = {path.name for path in (tmp_path / "slim").iterdir()}
    assert "model.fp32.onnx" not in names
    assert "parity.json" not in names
    slim, full = EncoderBundle.load(tmp_path / "slim"), EncoderBundle.load(made)
    assert slim.fingerprint == full.fingerprint
    assert slim.train_queries == full.train_queries
    np.testing.assert_array_equal(
        slim.encode_queries(["red kettle"]), full.encode_queries(["red kettle"])
    )
    original = read_manifest(made, "encoder")
    assert read_manifest(tmp_path / "slim", "encoder").parents == original.parents


def test_what_decides_vectors_decides_the_fingerprint(bundle: Path) -> None:
    before = EncoderBundle.load(bundle)
    assert before.fingerprint != EncoderBundle.load(bundle, precision="fp32").fingerprint
    (bundle / "parity.json").write_text("{}")
    rewrite_manifest(bundle)
    assert EncoderBundle.load(bundle).fingerprint == before.fingerprint
    spec = json.loads((bundle / "encoder.json").read_text())
    (bundle / "encoder.json").write_text(json.dumps({**spec, "max_query_tokens": 7}))
    rewrite_manifest(bundle)
    assert EncoderBundle.load(bundle).fingerprint != before.fingerprint


@pytest.mark.parametrize("name", ["model.int8.onnx", "tokenizer.json", "train_queries.json"])
@pytest.mark.parametrize("verify", [True, False])
def test_a_missing_file_is_named(bundle: Path, name: str, verify: bool) -> None:
    (bundle / name).unlink()
    with pytest.raises(MissingFile, match=name):
        EncoderBundle.load(bundle, verify=verify)


def test_a_file_that_is_not_used_may_be_gone(bundle: Path) -> None:
    (bundle / "model.fp32.onnx").unlink()
    assert EncoderBundle.load(bundle).encode_queries(["red"]).shape == (1, 32)


@pytest.mark.parametrize("name", ["model.int8.onnx", "tokenizer.json", "train_queries.json"])
def test_a_truncated_file_is_an_error_with_and_without_hashes(bundle: Path, name: str) -> None:
    data = (bundle / name).read_bytes()
    (bundle / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(HashMismatch, match=name):
        EncoderBundle.load(bundle)
    with pytest.raises(BundleError, match=name):
        EncoderBundle.load(bundle, verify=False)


def test_a_precision_that_was_not_made_is_refused(bundle: Path) -> None:
    with pytest.raises(BundleError, match="no fp16 model") as caught:
        EncoderBundle.load(bundle, precision="fp16")
    assert caught.value.found == "fp32, int8"


def test_cuda_is_never_replaced_in_silence(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BundleError, match="no cuda provider"):
        EncoderBundle.load(made, precision="fp32", provider="cuda")
    with pytest.raises(BundleError, match="made for processors"):
        EncoderBundle.load(made, precision="int8", provider="cuda")


def test_a_provider_that_does_not_start_is_refused(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ort.InferenceSession
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(
        ort,
        "InferenceSession",
        lambda path, options, providers: plain(path, options, providers=["CPUExecutionProvider"]),
    )
    with pytest.raises(BundleError, match="could not be started"):
        EncoderBundle.load(made, precision="fp32", provider="cuda")


def test_a_model_of_another_encoder_is_refused(bundle: Path) -> None:
    spec = json.loads((bundle / "encoder.json").read_text())
    (bundle / "encoder.json").write_text(json.dumps({**spec, "dim": 31}))
    rewrite_manifest(bundle)
    with pytest.raises(EncoderMismatch, match="length 31"):
        EncoderBundle.load(bundle)


def test_a_machine_that_computes_otherwise_is_refused(bundle: Path) -> None:
    probe = json.loads((bundle / "probe.json").read_text())
    probe["vectors"][3] = probe["vectors"][3][::-1]
    (bundle / "probe.json").write_text(json.dumps(probe))
    rewrite_manifest(bundle)
    with pytest.raises(BundleError, match="computes other vectors") as caught:
        EncoderBundle.load(bundle)
    assert repr(probe["texts"][3]) in str(caught.value)


@pytest.mark.parametrize("probe", ["{", "[]", '{"texts": ["red"], "vectors": [[1.0]]}'])
def test_a_damaged_probe_is_a_bundle_error(bundle: Path, probe: str) -> None:
    (bundle / "probe.json").write_text(probe)
    rewrite_manifest(bundle)
    with pytest.raises(BundleError, match="probe"):
        EncoderBundle.load(bundle)


def test_a_vector_that_is_not_finite_is_an_error(bundle: Path) -> None:
    model = onnx.load(bundle / "model.fp32.onnx")
    head = next(node for node in model.graph.node if node.name == "/query_head/MatMul").input[1]
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == head)
    tensor.CopyFrom(numpy_helper.from_array(np.full((64, 32), np.nan, np.float32), head))
    onnx.save(model, bundle / "model.fp32.onnx")
    encoder = EncoderBundle.load(bundle, precision="fp32", verify=False)
    with pytest.raises(BundleError, match="not finite"):
        encoder.encode_queries(["red"])


def test_tokens_that_the_model_does_not_know_are_an_error(bundle: Path) -> None:
    tokenizer = json.loads((bundle / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["red"] = 99_999
    (bundle / "tokenizer.json").write_text(json.dumps(tokenizer))
    encoder = EncoderBundle.load(bundle, verify=False)
    with pytest.raises(BundleError, match="cannot encode"):
        encoder.encode_queries(["red"])


def test_another_graph_is_not_an_encoder(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "other",
        [value("x", TensorProto.FLOAT, [1])],
        [value("y", TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(BundleError, match="not a Gradus encoder"):
        EncoderGraph(tmp_path / "other.onnx")

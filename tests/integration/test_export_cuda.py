"""Vectors on CUDA are those of the processor; skipped where there is no device, and says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from catalog.artefact import write_manifest
from export.build import export_encoder
from export.bundle import EncoderBundle

pytestmark = pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="this onnxruntime has no CUDA provider: install the extra `gpu` beside a CUDA device",
)
TEXTS = ["red kettle", "oat milk", "blue rain jacket", "kettle", "running shoes black"]


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    directory = tmp_path / "fp32"
    shutil.copytree(tiny_bundle, directory)
    (directory / "model.int8.onnx").rename(directory / "model.fp32.onnx")
    write_manifest(directory, "encoder")
    return directory


def test_vectors_agree_with_the_processors(bundle: Path) -> None:
    here = EncoderBundle.load(bundle, precision="fp32")
    device = EncoderBundle.load(bundle, precision="fp32", provider="cuda")
    assert device.rows == 64
    np.testing.assert_allclose(
        device.encode_queries(TEXTS), here.encode_queries(TEXTS), rtol=0, atol=1e-4
    )


def test_vectors_do_not_depend_on_their_company(bundle: Path) -> None:
    device = EncoderBundle.load(bundle, precision="fp32", provider="cuda")
    together = device.encode_queries(TEXTS * 30)
    alone = np.concatenate([device.encode_queries([text]) for text in TEXTS * 30])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_half_precision_on_the_device_agrees_with_fp32_on_the_processor(
    checkpoint: Path, tmp_path: Path
) -> None:
    export_encoder(checkpoint, tmp_path / "bundle")
    here = EncoderBundle.load(tmp_path / "bundle", precision="fp32").encode_queries(TEXTS)
    half = EncoderBundle.load(tmp_path / "bundle", precision="fp16", provider="cuda")
    assert (half.encode_queries(TEXTS) * here).sum(axis=1).min() > 0.999

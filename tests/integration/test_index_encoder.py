"""An index and the encoder inside it: they belong together, or the index does not open."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from catalog.artefact import read_manifest, write_manifest
from catalog.errors import EncoderMismatch, HashMismatch
from export.bundle import EncoderBundle
from index.bundle import IndexBundle, check_whole
from index.engine import Engine
from index.request import SearchRequest
from index.versions import resolve


@pytest.fixture
def copy(served_index, tmp_path) -> Path:
    return Path(shutil.copytree(served_index, tmp_path / "copy", symlinks=True))


def change_encoder(directory: Path) -> None:
    """Give the encoder another setting, under a manifest that agrees with it."""
    spec = directory / "encoder.json"
    spec.write_text(json.dumps(json.loads(spec.read_text()) | {"architecture": "another"}))
    (directory / "manifest.json").unlink()
    write_manifest(directory, "encoder")


def test_the_index_alone_answers_as_with_the_whole_bundle(served_index, tiny_bundle):
    alone = Engine.open(served_index)
    beside = Engine.open(served_index, encoder=EncoderBundle.load(tiny_bundle))
    for query in ("red kettle", "almond milk", "unheard"):
        request = SearchRequest(query, min_tier="irrelevant", limit=100)
        ours, theirs = (engine.search(request).hits for engine in (alone, beside))
        assert ours == theirs
        assert ours
    assert check_whole(served_index).encoder_fingerprint == alone.encoder.fingerprint


def test_another_encoder_inside_the_index_is_refused(copy):
    directory = resolve(copy)
    change_encoder(directory / "encoder")
    with pytest.raises(HashMismatch, match=r"encoder\.json"):
        Engine.open(copy)
    with pytest.raises(EncoderMismatch, match="another encoder"):
        Engine.open(copy, verify=False)


def test_another_encoder_is_found_even_where_all_hashes_agree(copy):
    directory = resolve(copy)
    change_encoder(directory / "encoder")
    manifest = read_manifest(directory, "index", verify=False)
    (directory / "manifest.json").unlink()
    write_manifest(
        directory,
        "index",
        parents=manifest.parents,
        config=manifest.config,
        quality=manifest.quality,
    )
    IndexBundle.open(copy)
    with pytest.raises(EncoderMismatch, match="another encoder"):
        check_whole(copy)


def test_the_index_says_what_it_was_made_from(served_index, tiny_bundle):
    manifest = IndexBundle.open(served_index).manifest
    assert manifest.parents["encoder"] == EncoderBundle.load(tiny_bundle).fingerprint
    assert manifest.config["precision"] == "int8"
    assert manifest.config["candidates"] == 200
    assert manifest.libraries["hnswlib"] != "absent"
    assert not (resolve(served_index) / "encoder" / "model.fp32.onnx").exists()

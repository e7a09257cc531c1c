"""What lies in an encoder bundle: names, the fingerprint, and the part that serving needs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from catalog.artefact import Manifest, read_manifest, verify_files, write_manifest
from catalog.encoder_spec import SPEC_FILE
from catalog.errors import BundleError, MissingFile
from export.likeness import LIKENESS_FILE

Precision = Literal["fp32", "fp16", "int8"]

KIND = "encoder"
TOKENIZER_FILE = "tokenizer.json"
TRAIN_QUERIES_FILE = "train_queries.json"
PARITY_FILE = "parity.json"
PROBE_FILE = "probe.json"


def model_file(precision: str) -> str:
    """Name of the graph of one precision."""
    return f"model.{precision}.onnx"


def fingerprint(manifest: Manifest, precision: str) -> str:
    """Fingerprint of what decides semantic scores: settings, tokenizer, likeness and one model.

    A full bundle and the slim copy inside an index share it.
    """
    deciding = [SPEC_FILE, TOKENIZER_FILE, model_file(precision)]
    if LIKENESS_FILE in manifest.files:
        deciding.append(LIKENESS_FILE)
    return restricted(manifest, deciding).fingerprint


def serving_files(directory: Path, manifest: Manifest, precision: str) -> tuple[str, ...]:
    """The files that one precision needs.

    Raises:
        BundleError: the bundle was made without this precision.
        MissingFile: the manifest lacks a file that every bundle has.

    """
    if model_file(precision) not in manifest.files:
        held = sorted(name.split(".")[1] for name in manifest.files if name.startswith("model."))
        raise BundleError(
            f"the bundle has no {precision} model",
            where=directory,
            expected=model_file(precision),
            found=", ".join(held) or "no model",
            hint="Ask for one of these precisions, or export the checkpoint again.",
        )
    files = (SPEC_FILE, TOKENIZER_FILE, TRAIN_QUERIES_FILE, model_file(precision))
    for name in files:
        if name not in manifest.files:
            raise MissingFile("the bundle lists no such file", where=directory / name)
    return files + tuple(name for name in (LIKENESS_FILE, PROBE_FILE) if name in manifest.files)


def verify_serving_files(directory: Path, manifest: Manifest, precision: str) -> None:
    """Hash what one precision needs. Raises MissingFile or HashMismatch."""
    verify_files(directory, restricted(manifest, serving_files(directory, manifest, precision)))


def copy_serving_files(encoder_dir: Path, out_dir: Path, precision: Precision = "int8") -> Manifest:
    """Copy what one precision needs into `out_dir`, with a manifest of its own.

    The originals are verified first; the copy has their fingerprint. Raises what `serving_files`
    and verification raise.
    """
    manifest = read_manifest(encoder_dir, KIND, verify=False)
    verify_serving_files(encoder_dir, manifest, precision)
    out_dir.mkdir(parents=True, exist_ok=True)
    for name in serving_files(encoder_dir, manifest, precision):
        shutil.copyfile(encoder_dir / name, out_dir / name)
    return write_manifest(
        out_dir,
        KIND,
        parents=manifest.parents,
        config=manifest.config,
        quality=manifest.quality,
        libraries=manifest.libraries,
    )


def restricted(manifest: Manifest, names: Iterable[str]) -> Manifest:
    """The manifest as if the artefact held the files `names` alone."""
    return replace(manifest, files={name: manifest.files[name] for name in names})


def present(path: Path) -> Path:
    """The path. Raises MissingFile when no file is there."""
    if not path.is_file():
        raise MissingFile(
            "a file of the bundle is missing", where=path, hint="Export the checkpoint again."
        )
    return path


def read_train_queries(directory: Path) -> frozenset[str]:
    """Hashes of the queries that trained the encoder. Raises MissingFile or BundleError."""
    path = present(directory / TRAIN_QUERIES_FILE)
    try:
        return frozenset(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise BundleError(
            f"the list of training queries cannot be read: {error}", where=path
        ) from error

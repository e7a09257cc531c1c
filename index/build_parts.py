"""The files of a version: one part, or shards cut from the whole, and the manifests on top."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from catalog.artefact import write_manifest
from catalog.typed import Kind
from export.likeness import Subwords
from index.bundle import ENCODER_DIR, LEXICAL_DIR, SPELLING_DIR, SUGGEST_DIR
from index.calibration import Calibration
from index.dense import DenseSettings
from index.dense_build import Target, arrange, measured, stored_quality
from index.filtering.columns_build import columns_of
from index.filtering.columns_file import load_columns, save_columns
from index.late import SubwordTable
from index.lexical import LexicalIndex
from index.progress import progress
from index.shards import Arms, cut, shard_directories, shard_rows
from index.store import FileStore, ProductStore
from index.vectors import VectorTable, store_as
from index.versions import KIND
from index.words.wishes import WISHES_FILE

QUALITY_FILE = "quality.json"
EMBEDDED_FILE = "embedded.npy"  # vectors as the encoder gave them, while the index is built
READ_FILE = "read.npy"  # subwords of all products, as long
WHOLE_DIR = "whole"  # the uncut index, until its shards are written
LIBRARIES = ("gradus", "numpy", "hnswlib", "PyStemmer", "regex", "onnxruntime", "tokenizers")
Vectors = NDArray[np.float32]


class PartSettings(Protocol):
    """What this module needs to know of the settings of a build."""

    @property
    def candidates(self) -> int: ...  # noqa: D102
    @property
    def dense(self) -> DenseSettings: ...  # noqa: D102
    @property
    def target(self) -> Target: ...  # noqa: D102
    @property
    def shards(self) -> int: ...  # noqa: D102
    @property
    def columns(self) -> Mapping[str, Kind]: ...  # noqa: D102


def write_parts(
    directory: Path,
    whole: Path,
    store: ProductStore,
    vectors: Vectors,
    probes: Vectors,
    settings: PartSettings,
    subwords: Subwords | None = None,
) -> tuple[Arms, dict[str, Any]]:
    """Store and arrange the vectors of each part; the arms as they will be searched, their quality.

    `whole` holds products and postings of all; where there are shards it is cut and removed.
    """
    directories = shard_directories(directory, settings.shards)
    rows = [np.arange(len(store))] if whole == directory else shard_rows(store, settings.shards)
    lexical = LexicalIndex.load(whole / LEXICAL_DIR)
    columns = columns_of(store.products(), settings.columns)
    parts: list[Arms] = []
    found: list[dict[str, Any]] = []
    with progress("arranging", len(store), "products") as advance:
        for part, own in zip(directories, rows, strict=True):
            if whole != directory:
                cut(store, lexical, own, part)
            save_columns(columns.restricted(own), part)
            table = store_as(vectors[own], settings.dense.vectors)
            table.save(part)
            table = VectorTable.load(part, settings.dense.vectors)
            dense, quality = arrange(
                table, probes, settings.candidates, settings.dense, advance, settings.target
            )
            dense.save(part)
            if subwords is not None:
                SubwordTable(subwords[own]).save(part)
            stored = stored_quality(vectors[own], table, probes)
            found.append({**asdict(quality), "stored": asdict(stored)})
            lexical_part = LexicalIndex.load(part / LEXICAL_DIR)
            words = SubwordTable.load(part)
            parts.append(Arms(FileStore.load(part), lexical_part, dense, load_columns(part), words))
    (whole / EMBEDDED_FILE).unlink()
    (whole / READ_FILE).unlink(missing_ok=True)
    if whole == directory:
        return parts[0], found[0]
    shutil.rmtree(whole)
    arms = Arms.join(parts)
    overall = asdict(measured(arms.dense, probes, settings.candidates, settings.target))
    return arms, {**overall, "shards": found}


def finish(
    directory: Path,
    shards: int,
    calibration: Calibration,
    parents: Mapping[str, str],
    config: Mapping[str, Any],
    quality: Mapping[str, Any],
) -> None:
    """Write calibration, quality and manifest; every shard gets them too, and the encoder."""
    for number, part in enumerate(shard_directories(directory, shards) if shards > 1 else []):
        for shared in (ENCODER_DIR, SPELLING_DIR, SUGGEST_DIR):
            if (directory / shared).is_dir():
                # One copy on the disk: a link costs nothing, and files of an index never change.
                shutil.copytree(directory / shared, part / shared, copy_function=os.link)
        os.link(directory / WISHES_FILE, part / WISHES_FILE)
        calibration.save(part)
        of_shard = {**config, "shard": {"number": number + 1, "of": shards}}
        _manifest(part, parents, of_shard, {**quality, "dense": quality["dense"]["shards"][number]})
    calibration.save(directory)
    _manifest(directory, parents, {**config, "shards": shards} if shards > 1 else config, quality)


def _manifest(
    directory: Path,
    parents: Mapping[str, str],
    config: Mapping[str, Any],
    quality: Mapping[str, Any],
) -> None:
    (directory / QUALITY_FILE).write_text(json.dumps(quality, indent=2) + "\n")
    write_manifest(
        directory, KIND, parents=parents, config=config, quality=quality, libraries=LIBRARIES
    )

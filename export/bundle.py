"""Encoder bundles, read: texts and products in, vectors out. numpy, onnxruntime, tokenizers only.

A bundle is a directory with `encoder.json`, `tokenizer.json`, `train_queries.json`, one
`model.<precision>.onnx` or more, `parity.json` and its manifest.

**No vector depends on its batch-mates.** Texts are never padded: a batch holds texts of one token
count, and within it every row is computed from that row alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from catalog.artefact import Manifest, read_manifest, verify_files, write_manifest
from catalog.encoder_spec import SPEC_FILE, EncoderSpec
from catalog.errors import BundleError, EncoderMismatch, MissingFile
from catalog.model import Product
from export.session import EncoderGraph, Output, Provider
from export.tokens import TOKENIZER_FILE, TokenReader

Precision = Literal["fp32", "fp16", "int8"]
Vectors = NDArray[np.float32]

KIND = "encoder"
TRAIN_QUERIES_FILE = "train_queries.json"
_MAX_BATCH = 64  # texts of one length a call: larger batches were not faster
_CHUNK = 4096  # products held at once, enough to fill the batches of every length


class Encoder(Protocol):
    """What the index and the service need of an encoder."""

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal fingerprints, equal vectors: what an index is tied to."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n, dim) float32 of shoppers' queries, rows L2 = 1."""
        ...

    def encode_products(
        self, products: Iterable[Product], progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Vectors (n, dim) float32 of products, rows L2 = 1, in the order given."""
        ...


def model_file(precision: str) -> str:
    """Name of the graph of one precision."""
    return f"model.{precision}.onnx"


def fingerprint(manifest: Manifest, precision: str) -> str:
    """Fingerprint of what decides vectors: settings, tokenizer and the model of one precision.

    A full bundle and the slim copy inside an index share it.
    """
    deciding = (SPEC_FILE, TOKENIZER_FILE, model_file(precision))
    return _restricted(manifest, deciding).fingerprint


class EncoderBundle:
    """One precision of an encoder bundle, open and ready. Safe to call from several threads."""

    def __init__(
        self, directory: Path, manifest: Manifest, precision: Precision, graph: EncoderGraph
    ) -> None:
        """Use `load`."""
        self.spec = EncoderSpec.load(directory)
        self.precision: Precision = precision
        self.fingerprint = fingerprint(manifest, precision)
        self.train_queries = _train_queries(directory / TRAIN_QUERIES_FILE)
        self._graph = graph
        self._tokens = TokenReader(directory / TOKENIZER_FILE)
        if graph.dim != self.spec.dim:
            raise EncoderMismatch(
                "the model and encoder.json do not belong together",
                where=directory,
                expected=f"vectors of length {self.spec.dim}",
                found=str(graph.dim),
                hint="Export the checkpoint again.",
            )

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        precision: Precision = "int8",
        provider: Provider = "cpu",
        threads: int = 1,
        verify: bool = True,
    ) -> EncoderBundle:
        """Open the bundle in `directory`; with `verify`, hash the files that will be used.

        Raises:
            MissingFile: no bundle here, or a file of it is gone.
            HashMismatch: a file is not what was written.
            EncoderMismatch: the files do not belong together.
            BundleError: this precision or provider is not to be had, or a file is damaged.

        """
        manifest = read_manifest(directory, KIND, verify=False)
        files = _serving_files(directory, manifest, precision)
        if verify:
            verify_files(directory, _restricted(manifest, files))
        graph = EncoderGraph(
            _present(directory / model_file(precision)), provider=provider, threads=threads
        )
        return cls(directory, manifest, precision, graph)

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return self.spec.dim

    def query_tokens(self, text: str) -> list[int]:
        """Token ids of a query as the graph reads them, special tokens included."""
        return self._tokens.ids([self.spec.template.query(text)], self.spec.max_query_tokens)[0]

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n, dim) float32 of shoppers' queries, rows L2 = 1.

        Raises BundleError when a vector is not finite.
        """
        rendered = [self.spec.template.query(text) for text in texts]
        ids = self._tokens.ids(rendered, self.spec.max_query_tokens)
        return self._encode(ids, "query_vector")

    def encode_items(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n, dim) float32 of item texts that the template has rendered already."""
        return self._encode(self._tokens.ids(texts, self.spec.max_item_tokens), "item_vector")

    def encode_products(
        self, products: Iterable[Product], progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Vectors (n, dim) float32 of products, in the order given.

        Reads `products` as a stream; `progress` is called with the number of products done since
        the last call (`tqdm.update` fits).
        """
        parts = [np.empty((0, self.dim), np.float32)]
        for chunk in _chunks(products, _CHUNK):
            texts = [self.spec.template.item(product) for product in chunk]
            ids = self._tokens.ids(texts, self.spec.max_item_tokens)
            parts.append(self._encode(ids, "item_vector", progress))
        return np.concatenate(parts)

    def _encode(
        self,
        ids: Sequence[Sequence[int]],
        output: Output,
        progress: Callable[[int], None] | None = None,
    ) -> Vectors:
        vectors = np.zeros((len(ids), self.dim), np.float32)  # a text of no token stays zero
        for rows in _batches([len(row) for row in ids]):
            batch = np.array([ids[row] for row in rows], np.int64)
            if batch.size:
                vectors[rows] = self._graph.run(batch, output)
            if progress is not None:
                progress(len(rows))
        if not np.isfinite(vectors).all():
            raise BundleError(
                "the encoder gave a vector that is not finite",
                found=f"{int((~np.isfinite(vectors)).any(axis=1).sum())} of {len(ids)} texts",
                hint="The model is damaged or diverged in training; use another precision or "
                "checkpoint.",
            )
        return vectors


def copy_serving_files(encoder_dir: Path, out_dir: Path, precision: Precision = "int8") -> Manifest:
    """Copy what one precision needs into `out_dir`, with a manifest of its own.

    The copy has the fingerprint of the original, which is verified first.
    """
    manifest = read_manifest(encoder_dir, KIND, verify=False)
    files = _serving_files(encoder_dir, manifest, precision)
    verify_files(encoder_dir, _restricted(manifest, files))
    out_dir.mkdir(parents=True, exist_ok=True)
    for name in files:
        shutil.copyfile(encoder_dir / name, out_dir / name)
    return write_manifest(
        out_dir,
        KIND,
        parents=manifest.parents,
        config=manifest.config,
        quality=manifest.quality,
        libraries=manifest.libraries,
    )


def _serving_files(directory: Path, manifest: Manifest, precision: str) -> tuple[str, ...]:
    files = (SPEC_FILE, TOKENIZER_FILE, TRAIN_QUERIES_FILE, model_file(precision))
    held = sorted(name.split(".")[1] for name in manifest.files if name.startswith("model."))
    if model_file(precision) not in manifest.files:
        raise BundleError(
            f"the bundle has no {precision} model",
            where=directory,
            expected=model_file(precision),
            found=", ".join(held) or "no model",
            hint="Ask for one of these precisions, or export the checkpoint again.",
        )
    for name in files:
        if name not in manifest.files:
            raise MissingFile("the bundle lists no such file", where=directory / name)
    return files


def _restricted(manifest: Manifest, names: Iterable[str]) -> Manifest:
    return replace(manifest, files={name: manifest.files[name] for name in names})


def _present(path: Path) -> Path:
    if not path.is_file():
        raise MissingFile(
            "a file of the bundle is missing", where=path, hint="Export the checkpoint again."
        )
    return path


def _train_queries(path: Path) -> frozenset[str]:
    try:
        return frozenset(json.loads(_present(path).read_text()))
    except (ValueError, TypeError) as error:
        raise BundleError(
            f"the list of training queries cannot be read: {error}", where=path
        ) from error


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers in batches of one length, longest texts first: memory peaks at the start."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    batch: list[int] = []
    for row in order:
        if batch and (len(batch) == _MAX_BATCH or lengths[row] != lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _chunks(products: Iterable[Product], size: int) -> Iterator[list[Product]]:
    stream = iter(products)
    while chunk := list(islice(stream, size)):
        yield chunk

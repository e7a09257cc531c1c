"""Encoder bundles, read: texts and products in, vectors out. numpy, onnxruntime, tokenizers only.

A bundle is a directory with `encoder.json`, `tokenizer.json`, `train_queries.json`, one
`model.<precision>.onnx` or more, `parity.json`, `probe.json` and its manifest; that of a bag of
subwords has `likeness.npz` as well.

**No vector depends on its batch-mates.** No text is ever padded. On a processor every text is a
call of its own: dynamic int8 scales activations over the call, and float kernels choose their order
of summation by its shape. In calls of 64, product texts would take a quarter less time, but the
formats that allow such calls are slower even so (`benchmarks/encoder_speed.json`). On CUDA, where
single texts waste the device, every call has the same shape: 64 texts of one token count, the first
one repeated where there are fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import lru_cache
from pathlib import Path

import numpy as np

from catalog.artefact import Manifest, read_manifest
from catalog.encoder_spec import EncoderSpec
from catalog.errors import BundleError, EncoderMismatch
from catalog.model import Product
from export.calls import calls, chunks, side_by_side
from export.dims import cut_fingerprint, shortened
from export.encoder import Encoder, Vectors
from export.files import (
    KIND,
    PROBE_FILE,
    TOKENIZER_FILE,
    Precision,
    copy_serving_files,
    fingerprint,
    model_file,
    present,
    read_train_queries,
    serving_files,
    verify_serving_files,
)
from export.likeness import LIKENESS_FILE, AskedSubwords, Likeness, Subwords
from export.probe import Probe
from export.session import EncoderGraph, Output, Provider
from export.tokens import TokenReader

__all__ = [
    "Encoder",
    "EncoderBundle",
    "Precision",
    "Provider",
    "copy_serving_files",
    "fingerprint",
]

_ROWS = {"cpu": 1, "cuda": 64}  # texts a call, exactly
_CHUNK = 4096  # products held at once, enough to fill calls of every length
_REMEMBERED = 1024  # queries whose tokens are
_FEW = 64  # as many may wait for a vector together


class EncoderBundle:
    """One precision of an encoder bundle, open and ready. Safe to call from several threads."""

    def __init__(
        self,
        directory: Path,
        manifest: Manifest,
        precision: Precision,
        provider: Provider,
        threads: int,
    ) -> None:
        """Use `load`."""
        self.precision: Precision = precision
        self.spec = EncoderSpec.load(directory)
        self.fingerprint = fingerprint(manifest, precision)
        self.train_queries = read_train_queries(directory)
        self._tokens = TokenReader(present(directory / TOKENIZER_FILE))
        self._graph = EncoderGraph(present(directory / model_file(precision)), provider=provider)
        self._rows = _ROWS[provider]
        self._threads = threads
        # A search asks twice: for what late interaction reads, and for the vector.
        self._read = _query_reader(self._tokens, self.spec)
        self._likeness: Likeness | None = None
        if LIKENESS_FILE in manifest.files:
            self._likeness = Likeness.load(directory, self._tokens.vocabulary_size)
        self.dim = self.spec.dim
        self.matryoshka = frozenset(manifest.config.get("matryoshka", ()))
        if self._graph.dim != self.spec.dim:
            raise EncoderMismatch(
                "the model and encoder.json do not belong together",
                where=directory,
                expected=f"vectors of length {self.spec.dim}",
                found=str(self._graph.dim),
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
        """Open the bundle in `directory`.

        `threads` texts are encoded side by side, each on one core: the vectors are the same
        whatever their number, and a single query gains nothing from more than one. With `verify`
        the files in use are hashed, and the vectors of a few probe texts are compared with those
        seen when the bundle was made.

        Raises:
            MissingFile: no bundle here, or a file of it is gone.
            HashMismatch: a file is not what was written.
            EncoderMismatch: the files do not belong together.
            BundleError: this precision or provider is not to be had, a file is damaged, or this
                machine computes other vectors than the one that made the bundle.

        """
        manifest = read_manifest(directory, KIND, verify=False)
        if precision == "int8" and provider == "cuda":
            raise BundleError(
                "int8 models are made for processors",
                where=directory,
                expected="fp16 or fp32 with cuda",
                found="int8",
            )
        files = serving_files(directory, manifest, precision)
        if verify:
            verify_serving_files(directory, manifest, precision)
        bundle = cls(directory, manifest, precision, provider, threads)
        if verify and PROBE_FILE in files:
            probe = Probe.load(directory)
            probe.check(bundle.encode_queries(probe.texts), directory)
        return bundle

    @property
    def late(self) -> bool:
        """Whether its semantic scores have late interaction."""
        return self._likeness is not None

    @property
    def rows(self) -> int:
        """Texts that one call of the graph takes; 1 on a processor."""
        return self._rows

    def cut(self, dims: int) -> EncoderBundle:
        """The same encoder giving the first `dims` components, L2 = 1 again.

        `matryoshka` are the lengths that it was trained to be cut to. Raises EncoderMismatch when
        its vectors are not so long.
        """
        if dims == self.dim:
            return self
        if not 0 < dims < self.spec.dim:
            raise EncoderMismatch(
                "vectors cannot be cut to this length",
                expected=f"1 to {self.spec.dim} dimensions",
                found=str(dims),
                hint="Choose fewer --dims.",
            )
        shorter = copy(self)
        shorter.dim = dims
        shorter.fingerprint = cut_fingerprint(self.fingerprint, dims)
        return shorter

    def query_tokens(self, text: str) -> Sequence[int]:
        """Token ids of a query as the graph reads them, special tokens included."""
        return self._read(text)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n, dim) float32 of shoppers' queries, rows L2 = 1.

        A text of no token at all gives a zero row. Raises BundleError when a vector is not finite.
        """
        if len(texts) <= _FEW:  # searches, which have been read
            return self._encode([self._read(text) for text in texts], "query_vector")
        rendered = [self.spec.template.query(text) for text in texts]
        ids = self._tokens.ids(rendered, self.spec.max_query_tokens)
        return self._encode(ids, "query_vector")

    def asked_subwords(self, text: str) -> AskedSubwords | None:
        """A shopper's query as late interaction reads it; None without late interaction."""
        return None if self._likeness is None else self._likeness.asked(self.query_tokens(text))

    def product_subwords(self, products: Iterable[Product]) -> Subwords | None:
        """What late interaction reads of products, see `Likeness.products`; None without it."""
        if self._likeness is None:
            return None
        longest = self.spec.max_item_tokens
        parts = [self._likeness.products([], longest)]
        for chunk in chunks(products, _CHUNK):
            ids = self._tokens.ids([self.spec.template.item(one) for one in chunk], longest)
            parts.append(self._likeness.products(ids, longest))
        return np.concatenate(parts)

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
        for chunk in chunks(products, _CHUNK):
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
        vectors = np.zeros((len(ids), self.dim), np.float32)

        def encode(rows: list[int]) -> int:
            if ids[rows[0]]:
                filled = rows + rows[:1] * (self._rows - len(rows))
                batch = np.array([ids[row] for row in filled], np.int64)
                found = self._graph.run(batch, output)[: len(rows)]
                vectors[rows] = found if self.dim == self.spec.dim else shortened(found, self.dim)
            return len(rows)

        if len(ids) == 1:  # a search's query: to plan its one call would cost half of the call
            finished: Iterable[int] = (encode([0]),)
        else:
            work = calls([len(text) for text in ids], self._rows)
            finished = side_by_side(encode, work, self._threads)
        for done in finished:
            if progress is not None:
                progress(done)
        if not np.isfinite(vectors).all():
            raise BundleError(
                "the encoder gave a vector that is not finite",
                found=f"{(~np.isfinite(vectors)).any(axis=1).sum()} of {len(ids)} texts",
                hint="The model is damaged or overflows; use another precision or checkpoint.",
            )
        return vectors


def _query_reader(tokens: TokenReader, spec: EncoderSpec) -> Callable[[str], tuple[int, ...]]:
    # Of no bundle: one that remembered its own method would outlive its last user.
    @lru_cache(_REMEMBERED)
    def read(text: str) -> tuple[int, ...]:
        return tuple(tokens.ids([spec.template.query(text)], spec.max_query_tokens)[0])

    return read

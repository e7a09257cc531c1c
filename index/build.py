"""Building an index: products and an encoder in, one published version out.

The version is written beside its place and renamed when whole, so a killed build changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from catalog.artefact import writing
from catalog.atomic import clear_abandoned
from catalog.errors import CatalogError
from catalog.model import Product
from catalog.typed import Kind
from export.bundle import Encoder, Precision, copy_serving_files
from export.likeness import Subwords
from index.build_parts import EMBEDDED_FILE, READ_FILE, WHOLE_DIR, finish, write_parts
from index.bundle import ENCODER_DIR, IndexBundle
from index.calibration import Calibration, default_calibration
from index.dense import DenseSettings, Vectors
from index.dense_build import Target
from index.drift import Drift, drift_from_live
from index.engine import Engine
from index.known_answers import QUERIES, KnownAnswers
from index.lexical import LexicalSettings, settings_json
from index.lexical_build import LexicalBuilder
from index.progress import progress
from index.rules import Rules
from index.store import FileStore, ProductStore, StoreWriter
from index.versions import KIND, new_version, publish
from index.word_files import write_words
from index.words.settings import WordSettings

_CHUNK = 8192  # products embedded between two writes
_PROBES = 200  # queries that measure the recall of the graph

Fit = Callable[[IndexBundle, Encoder], tuple[Calibration, dict[str, Any]]]


@dataclass(frozen=True)
class BuildSettings:
    """`candidates` is c, the depth of each arm for the life of the index.

    `dims` cuts vectors to their first components, 0 keeps all; `shards` cuts the catalogue.
    `columns` are the typed columns that layouts declare, besides those of every product; `rules`
    pin and bury products by query.
    """

    candidates: int = 200
    lexical: LexicalSettings = field(default_factory=LexicalSettings)
    dense: DenseSettings = field(default_factory=DenseSettings)
    target: Target = field(default_factory=Target)
    dims: int = 0
    shards: int = 1
    columns: Mapping[str, Kind] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    words: WordSettings = field(default_factory=WordSettings)


@dataclass(frozen=True)
class CalibrationPlan:
    """How to calibrate, settled before the long work: `fit` gets the finished arms.

    `probes` are queries that measure the recall of the graph, besides words of titles.
    """

    fit: Fit
    probes: Sequence[str] = ()


# Gets the products as read and the encoder; raises what would otherwise fail after embedding.
Calibrate = Callable[[ProductStore, Encoder], CalibrationPlan]


@dataclass(frozen=True)
class Built:
    """What a build made: the version directory and what was measured on the way.

    `drift` is what differs from the version that was live, None where none was or it stays.
    """

    directory: Path
    quality: Mapping[str, Any]
    drift: Drift | None = None


def as_shipped(_store: ProductStore, _encoder: Encoder) -> CalibrationPlan:
    """Calibrate with the shipped numbers, for a catalogue without judgments."""
    return CalibrationPlan(lambda _bundle, _same_encoder: (default_calibration(), {}))


def build_index(
    products: Iterable[Product],
    encoder: Encoder,
    root: Path,
    *,
    settings: BuildSettings | None = None,
    calibrate: Calibrate = as_shipped,
    encoder_dir: Path | None = None,
    parents: Mapping[str, str] | None = None,
    duplicates: Callable[[Product], None] = lambda _product: None,
    live: bool = True,
    snapshot: datetime | None = None,
) -> Built:
    """Build a version under `root` and make it live.

    `products` is read once, as a stream; of two with one id the first is kept. `calibrate` makes
    its plan before the products are embedded. The serving files of `encoder_dir` are copied into
    the index; without it, whoever opens the index brings the encoder along. `parents` are
    fingerprints of what went in. `duplicates` hears of every product whose id was there already.
    `snapshot` is when the products were as they are here (now): live updates made since are carried
    over to this version when it begins to serve.

    Raises:
        CatalogError: there is no product, or a file about words is wrong.
        BundleError: `encoder_dir` is damaged, or the encoder gives vectors that are not finite.
        JudgmentError, EncoderMismatch: from `calibrate`.

    """
    snapshot = snapshot or datetime.now(UTC)
    settings = settings or BuildSettings()
    encoder = encoder.cut(settings.dims) if settings.dims else encoder
    words = settings.words.plan()
    version = new_version(root)
    clear_abandoned(version.parent)  # every version has a name of its own
    with writing(version, KIND) as directory:
        whole = directory if settings.shards == 1 else directory / WHOLE_DIR
        whole.mkdir(exist_ok=True)
        builder = LexicalBuilder(settings.lexical, analyser=words.base, learn=words.learn)
        store = _read_products(products, whole, builder, duplicates)
        write_words(builder, store, words, whole, directory)
        plan = calibrate(store, encoder)
        vectors = _embed(store, encoder, whole)
        subwords = _read_subwords(store, encoder, whole) if encoder.late else None
        probes = encoder.encode_queries(list(_probe_texts(store, plan.probes)))
        arms, dense = write_parts(directory, whole, store, vectors, probes, settings, subwords)
        bundle = IndexBundle.unpublished(directory, arms, settings.candidates, encoder.fingerprint)
        calibration, fitted = plan.fit(bundle, encoder)
        quality = {
            "products": len(store),
            "dense": dense,
            "calibration": {"name": calibration.name, "alpha": calibration.alpha, **fitted},
        }
        precision: Precision = getattr(encoder, "precision", "int8")
        config = {
            "candidates": settings.candidates,
            "precision": precision,
            "lexical": settings_json(settings.lexical),
            "words": words.record(),
            "dense": asdict(arms.dense.settings),
            "dims": encoder.dim,
            "snapshot": snapshot.astimezone(UTC).isoformat(timespec="milliseconds"),
        }
        if encoder_dir is not None:
            copy_serving_files(encoder_dir, directory / ENCODER_DIR, precision=precision)
        known = islice(dict.fromkeys(_probe_texts(store, ())), QUERIES)
        KnownAnswers.of(Engine(replace(bundle, calibration=calibration), encoder), known).save(
            directory
        )
        settings.rules.save(directory)
        finish(
            directory,
            settings.shards,
            calibration,
            {**(parents or {}), "encoder": encoder.fingerprint},
            config,
            quality,
        )
    if not live:
        return Built(version, quality)
    drift = drift_from_live(root, version.name)
    publish(root, version.name)
    return Built(version, quality, drift)


def _read_products(
    products: Iterable[Product],
    directory: Path,
    builder: LexicalBuilder,
    duplicates: Callable[[Product], None],
) -> ProductStore:
    with (
        StoreWriter(directory) as writer,
        progress("reading products", None, "products") as advance,
    ):
        for product in products:
            if writer.add(product):
                builder.add(product)
                advance(1)
            else:
                duplicates(product)
    store = FileStore.load(directory)
    if not len(store):
        raise CatalogError("there is no product to index")
    return store


def _embed(store: ProductStore, encoder: Encoder, directory: Path) -> Vectors:
    vectors = open_memmap(
        directory / EMBEDDED_FILE, mode="w+", dtype=np.float32, shape=(len(store), encoder.dim)
    )
    with progress("embedding", len(store), "products") as advance:
        for start in range(0, len(store), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(store)))
            vectors[start : rows.stop] = encoder.encode_products(store.products(rows), advance)
    vectors.flush()
    return np.asarray(vectors)


def _read_subwords(store: ProductStore, encoder: Encoder, directory: Path) -> Subwords:
    table: Any = None  # as wide as the encoder reads
    with progress("reading subwords", len(store), "products") as advance:
        for start in range(0, len(store), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(store)))
            read = encoder.product_subwords(store.products(rows))
            assert read is not None  # an encoder with late interaction reads them
            if table is None:
                shape = (len(store), read.shape[1])
                table = open_memmap(directory / READ_FILE, mode="w+", dtype=read.dtype, shape=shape)
            table[start : rows.stop] = read
            advance(len(rows))
    table.flush()
    return np.asarray(table)


def _probe_texts(store: ProductStore, probes: Iterable[str]) -> Iterator[str]:
    """Queries like those to come: the ones given, then the first words of titles."""
    given = list(dict.fromkeys(probes))[:_PROBES]
    yield from given
    rows = np.random.default_rng(0).permutation(len(store))[: _PROBES - len(given)]
    for number, product in enumerate(store.products(rows.tolist())):
        yield " ".join(product.title.split()[: 1 + number % 4])

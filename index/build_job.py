"""`gradus index build`: files named on the command line to a built and published version."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from catalog.artefact import hash_file
from catalog.atomic import MANIFEST
from catalog.errors import BundleError, CatalogError, JudgmentError
from catalog.layout import load_layout
from catalog.measures import qrels_of
from catalog.model import Product
from catalog.readers import Issues, read_judgments, read_products
from catalog.typed import declared_kinds
from export.bundle import Encoder, EncoderBundle, Precision
from index.build import (
    BuildSettings,
    Built,
    Calibrate,
    CalibrationPlan,
    as_shipped,
    build_index,
)
from index.calibrate import FitOnJudgments, TakeFrom
from index.calibrating.policies import Policy
from index.dense import DenseSettings, Plan
from index.dense_build import Target
from index.graph_tuning import GRID
from index.store import ProductStore
from index.vectors import VectorKind
from index.words.settings import WordSettings

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class BuildJob:
    """What the command line asked for; `run` does it and returns what to print."""

    products: tuple[Path, ...]
    encoder: Path
    root: Path
    layouts: tuple[str, ...] = ()
    qrels: Path | None = None
    calibration: Path | None = None
    precision: str = "int8"
    allow_in_sample: bool = False
    policy: str = "balanced"
    strict: bool = False
    live: bool = True
    plan: str = "auto"
    vectors: str = "fp32"
    dims: int = 0
    shards: int = 1
    recall_target: float | None = None
    links: int = DenseSettings.m
    ef_construction: int = DenseSettings.ef_construction
    ef: int = DenseSettings.ef
    words: WordSettings = field(default_factory=WordSettings)

    def run(self) -> str:
        """Build the version. Raises what reading, embedding and calibrating raise."""
        self._check()
        encoder = EncoderBundle.load(
            self.encoder, precision=self._precision(), threads=os.cpu_count() or 1
        )
        notes: list[str] = self._notes(encoder)
        issues = Issues()
        repeats: list[str] = []
        settings = self._settings()
        built = build_index(
            self._read(issues),
            encoder,
            self.root,
            settings=settings,
            calibrate=self._calibrate(encoder.train_queries, notes),
            encoder_dir=self.encoder,
            parents=self._parents(),
            duplicates=lambda product: repeats.append(self._repeat(product)),
            live=self.live,
        )
        if repeats:
            notes.append(
                f"products: {len(repeats):,} more left out, their ids were in an earlier file; "
                f"first {repeats[0]!r}"
            )
        return "\n".join([f"products: {issues.summary()}", *notes, *_summary(built, self.live)])

    def _check(self) -> None:
        if self.qrels is not None and self.calibration is not None:
            raise JudgmentError(
                "--qrels and --calibration exclude each other",
                hint="Fit a calibration on judgments, or take the one of another index.",
            )
        if Policy.parse(self.policy).precision is not None and self.qrels is None:
            raise JudgmentError(
                "a promise of precision needs judgments to be kept by",
                where="--policy",
                found=self.policy,
                hint="Give --qrels, or leave --policy out.",
            )
        if self.qrels is not None:
            read_judgments(self.qrels)  # a path that cannot be read is refused at the call
        if (self.root / MANIFEST).exists():
            raise BundleError(
                "this is an artefact of its own, no place for an index",
                where=self.root,
                expected="a new path, or the root of an index",
            )
        if len(self.layouts) not in {0, 1, len(self.products)}:
            raise CatalogError(
                "layouts and product files do not pair up",
                expected=f"one --layout for all files, or {len(self.products)}",
                found=str(len(self.layouts)),
            )

    def _settings(self) -> BuildSettings:
        dense = DenseSettings(
            m=_within("--links", self.links, 2, 512),
            ef_construction=_within("--ef-construction", self.ef_construction, 1, 100_000),
            ef=_within("--ef", self.ef, 1, 1_000_000),
            plan=self._plan(),
            vectors=self._vectors(),
        )
        target = Target()
        if self.recall_target is not None:
            target = Target(_within("--recall-target", self.recall_target, 0.5, 1.0), GRID)
        return BuildSettings(
            dense=dense,
            target=target,
            words=self.words,
            dims=self.dims and _within("--dims", self.dims, 1, 1 << 16),
            shards=_within("--shards", self.shards, 1, 1000),
            columns=declared_kinds(load_layout(layout).typed for layout in self.layouts),
        )

    def _notes(self, encoder: EncoderBundle) -> list[str]:
        trained: frozenset[int] = getattr(encoder, "matryoshka", frozenset())
        if not 0 < self.dims < encoder.dim or self.dims in trained:
            return []
        lengths = ", ".join(map(str, sorted(trained))) or "none"
        return [
            f"encoder: it was not trained for vectors cut to {self.dims} dimensions "
            f"(network.matryoshka: {lengths}); compare with `gradus evaluate`"
        ]

    def _vectors(self) -> VectorKind:
        for known in get_args(VectorKind):
            if known == self.vectors:
                return known  # type: ignore[no-any-return]
        raise BundleError(
            "vectors cannot be stored so",
            expected=f"one of {', '.join(get_args(VectorKind))}",
            found=self.vectors,
        )

    def _precision(self) -> Precision:
        for known in get_args(Precision):
            if known == self.precision:
                return known  # type: ignore[no-any-return]
        raise BundleError(
            "there is no such precision",
            expected=f"one of {', '.join(get_args(Precision))}",
            found=self.precision,
        )

    def _plan(self) -> Plan | None:
        for known in get_args(Plan):
            if known == self.plan:
                return known  # type: ignore[no-any-return]
        if self.plan == "auto":
            return None
        raise BundleError(
            "there is no such plan",
            expected=f"auto, {', '.join(get_args(Plan))}",
            found=self.plan,
        )

    def _read(self, issues: Issues) -> Iterator[Product]:
        layouts = self.layouts or ("gradus",)
        if len(layouts) == 1:
            layouts = layouts * len(self.products)
        for path, layout in zip(self.products, layouts, strict=True):
            yield from read_products(path, layout, strict=self.strict, issues=issues)

    def _repeat(self, product: Product) -> str:
        # A reader sees duplicates within its file; these are ids that an earlier file held.
        if self.strict:
            raise CatalogError(
                f"product id {product.id!r} was in an earlier file",
                where=", ".join(map(str, self.products)),
            )
        return product.id

    def _calibrate(self, trained: Collection[str], notes: list[str]) -> Calibrate:
        if self.calibration is not None:
            return TakeFrom(self.calibration)
        path = self.qrels
        if path is None:
            return as_shipped

        def judged(store: ProductStore, encoder: Encoder) -> CalibrationPlan:
            issues = Issues()
            judgments = read_judgments(
                path, known_products=frozenset(store.ids), strict=self.strict, issues=issues
            )
            qrels = qrels_of(judgments)
            notes.append(f"judgments: {issues.summary()}")
            if not any(1 in grades.values() for grades in qrels.values()):
                notes.append(
                    "judgments: none of grade 1, so exact and substitute cannot be told apart here"
                )
            fit = FitOnJudgments(
                qrels,
                trained,
                self.allow_in_sample,
                where=str(path),
                policy=Policy.parse(self.policy),
            )
            return fit(store, encoder)

        return judged

    def _parents(self) -> dict[str, str]:
        files = {f"products {path.name}": path for path in self.products}
        optional = {
            "qrels": self.qrels,
            "synonyms": self.words.synonyms,
            "query log": self.words.query_log,
        }
        files |= {role: path for role, path in optional.items() if path is not None}
        return {role: _hash(path) for role, path in files.items()}


def _within(option: str, value: Number, least: Number, most: Number) -> Number:
    if least <= value <= most:
        return value
    raise BundleError(f"{option} is out of range", expected=f"{least} to {most}", found=str(value))


def _hash(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise CatalogError(
            f"the file cannot be read: {error.strerror}", where=path, hint="Check the path."
        ) from error


def _summary(built: Built, live: bool) -> list[str]:
    dense, calibration = built.quality["dense"], built.quality["calibration"]
    how = "scan" if dense["plan"] == "scan" else f"HNSW graph at ef {dense['ef']}"
    shards = len(dense.get("shards", ()))
    cut = f" in {shards} shards" if shards else ""
    return [
        f"{built.quality['products']:,} products indexed{cut}; {how} finds "
        f"{dense['recall_10']:.4f} of the exact top 10 ({dense['queries']} queries)",
        *_tuned(dense),
        *_stored(dense["shards"] if shards else [dense]),
        f"calibration {calibration['name']}, alpha {calibration['alpha']}",
        f"{'live' if live else 'built, not live'}: {built.directory}",
    ]


def _tuned(dense: dict[str, Any]) -> list[str]:
    short = min(dense["recall_10"], dense["recall_20"]) < dense["target"]
    lines = [f"note: no breadth reaches recall {dense['target']}"] if short else []
    return lines + [
        f"tried {trial['m']} links, ef_construction {trial['ef_construction']}: "
        f"ef {trial['ef']}, recall@20 {trial['recall_20']:.4f}, "
        f"{trial['microseconds']:.0f} us a search, {trial['seconds']:.1f} s to build"
        for trial in dense["trials"]
    ]


def _stored(parts: Sequence[dict[str, Any]]) -> list[str]:
    stored = [part["stored"] for part in parts]
    if stored[0]["kind"] == "fp32":
        return []
    size = sum(part["bytes"] for part in stored) / 1e6
    overlap = min(part["overlap_20"] for part in stored)
    worst = max(part["largest_error"] for part in stored)
    return [
        f"vectors as {stored[0]['kind']}, {size:.1f} MB: {overlap:.4f} of the nearest 20 of fp32 "
        f"stay, cosines within {worst:.1e}"
    ]

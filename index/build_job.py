"""`gradus index build`: files named on the command line to a built and published version."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

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
    Calibrate,
    CalibrationPlan,
    as_shipped,
    build_index,
)
from index.build_files import hash_of, snapshot
from index.build_options import one_of, within
from index.build_summary import summary
from index.calibrate import FitOnJudgments, TakeFrom
from index.calibrating.policies import Policy
from index.dense import DenseSettings, Plan
from index.dense_build import Target
from index.graph_tuning import GRID
from index.rules import Rules, read_rules
from index.store import ProductStore
from index.vectors import VectorKind
from index.words.settings import WordSettings

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
PLANS: tuple[Plan, ...] = get_args(Plan)
VECTOR_KINDS: tuple[VectorKind, ...] = get_args(VectorKind)


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
    rules: Path | None = None
    as_of: str | None = None

    def run(self) -> str:
        """Build the version. Raises what reading, embedding and calibrating raise."""
        self._check()
        encoder = EncoderBundle.load(
            self.encoder,
            precision=one_of("precision", self.precision, PRECISIONS),
            threads=os.cpu_count() or 1,
        )
        notes: list[str] = self._notes(encoder)
        issues = Issues()
        repeats: list[str] = []
        settings = self._settings()
        unknown = dict.fromkeys(settings.rules.named)
        built = build_index(
            _noting(self._read(issues), unknown),
            encoder,
            self.root,
            settings=settings,
            calibrate=self._calibrate(encoder.train_queries, notes),
            encoder_dir=self.encoder,
            parents=self._parents(),
            duplicates=lambda product: repeats.append(self._repeat(product)),
            live=self.live,
            snapshot=snapshot(self.as_of, self.products),
        )
        if unknown:
            notes.append(
                f"rules: {len(unknown):,} products that they name are not in the catalogue; first "
                f"{next(iter(unknown))!r}"
            )
        if repeats:
            notes.append(
                f"products: {len(repeats):,} more left out, their ids were in an earlier file; "
                f"first {repeats[0]!r}"
            )
        notes += self._moot(built.quality["dense"]["plan"])
        return "\n".join([f"products: {issues.summary()}", *notes, *summary(built, self.live)])

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
            m=within("--links", self.links, 2, 512),
            ef_construction=within("--ef-construction", self.ef_construction, 1, 100_000),
            ef=within("--ef", self.ef, 1, 1_000_000),
            plan=None if self.plan == "auto" else one_of("plan", self.plan, PLANS),
            vectors=one_of("kind of storage", self.vectors, VECTOR_KINDS),
        )
        target = Target()
        if self.recall_target is not None:
            target = Target(within("--recall-target", self.recall_target, 0.5, 1.0), GRID)
        return BuildSettings(
            dense=dense,
            target=target,
            words=self.words,
            dims=self.dims and within("--dims", self.dims, 1, 1 << 16),
            shards=within("--shards", self.shards, 1, 1000),
            columns=declared_kinds(load_layout(layout).typed for layout in self.layouts),
            rules=Rules() if self.rules is None else read_rules(self.rules),
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

    def _moot(self, plan: Plan) -> list[str]:
        """What was asked of a graph, where a scan is used."""
        if plan != "scan":
            return []
        asked = {
            "--links": self.links != DenseSettings.m,
            "--ef-construction": self.ef_construction != DenseSettings.ef_construction,
            "--ef": self.ef != DenseSettings.ef,
        }
        shaping = ", ".join(name for name, given in asked.items() if given)
        told = [f"{shaping} shape no graph"] if shaping else []
        if self.recall_target is not None:
            told.append("--recall-target tunes no graph: it says how many rows the scan looks at")
        return [f"note: a scan is used, so {one}; --plan graph builds one" for one in told]

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
        return {role: hash_of(path) for role, path in files.items()}


def _noting(products: Iterable[Product], unknown: dict[str, None]) -> Iterator[Product]:
    """The products themselves; those that come are no longer `unknown`."""
    for product in products:
        unknown.pop(product.id, None)
        yield product

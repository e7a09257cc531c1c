"""`gradus index build`: files named on the command line to a built and published version."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from catalog.artefact import hash_file
from catalog.atomic import MANIFEST
from catalog.errors import BundleError, CatalogError, JudgmentError
from catalog.measures import qrels_of
from catalog.model import Product
from catalog.readers import Issues, read_judgments, read_products
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
from index.dense import DenseSettings, Plan
from index.store import ProductStore


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
    strict: bool = False
    live: bool = True
    plan: str = "auto"

    def run(self) -> str:
        """Build the version. Raises what reading, embedding and calibrating raise."""
        self._check()
        encoder = EncoderBundle.load(
            self.encoder, precision=self._precision(), threads=os.cpu_count() or 1
        )
        notes: list[str] = []
        issues = Issues()
        repeats: list[str] = []
        built = build_index(
            self._read(issues),
            encoder,
            self.root,
            settings=BuildSettings(dense=DenseSettings(plan=self._plan())),
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
            return FitOnJudgments(qrels, trained, self.allow_in_sample, where=str(path))(
                store, encoder
            )

        return judged

    def _parents(self) -> dict[str, str]:
        files = {f"products {path.name}": path for path in self.products}
        if self.qrels is not None:
            files["qrels"] = self.qrels
        return {role: _hash(path) for role, path in files.items()}


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
    return [
        f"{built.quality['products']:,} products indexed; {how} finds "
        f"{dense['recall_10']:.4f} of the exact top 10 ({dense['queries']} queries)",
        f"calibration {calibration['name']}, alpha {calibration['alpha']}",
        f"{'live' if live else 'built, not live'}: {built.directory}",
    ]

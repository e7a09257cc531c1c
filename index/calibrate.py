"""Fitting a calibration on judged queries, or taking one from another index."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from catalog.errors import EncoderMismatch, JudgmentError
from catalog.split import query_hash
from export.bundle import Encoder
from index.alpha import AlphaFit, fit_alpha
from index.build import CalibrationPlan
from index.bundle import IndexBundle
from index.calibrating.found import FirstPages, best_semantic, first_pages, tops_of
from index.calibrating.modes import Company, FittedModes, fit_modes
from index.calibrating.policies import BALANCED, Policy
from index.calibration import Calibration, Mode, Source
from index.engine import Engine
from index.nonsense import (
    half_known_queries,
    nonsense_queries,
    title_words,
    unrelated_queries,
)
from index.pairs import Pairs, collect_pairs
from index.store import ProductStore

Qrels = Mapping[str, Mapping[str, int]]

MIN_QUERIES = 3
MIN_PAIRS = 30
NOT_PROMISED = " (not promised here)"
_NONSENSE_SEED = 1
_NONSENSE = 1000
_NONSENSE_DEPTH = 10


@dataclass(frozen=True)
class FitOnJudgments:
    """Calibrates a bundle under construction on `qrels` (query → product id → grade).

    `train_queries` are hashes of the queries that trained the encoder; judging an encoder by what
    it was taught makes it look surer than it is, so an overlap is refused unless `allow_in_sample`,
    which marks the result. Judgments of products that the index does not hold are left out and
    counted.
    """

    qrels: Qrels
    train_queries: Collection[str] = frozenset()
    allow_in_sample: bool = False
    where: str = ""
    policy: Policy = field(default_factory=Policy)

    def __call__(self, store: ProductStore, encoder: Encoder) -> CalibrationPlan:
        """Refuse what cannot be calibrated on, before the long work. Raises JudgmentError."""
        in_sample = self.check_overlap()
        known = known_judgments(self.qrels, store)
        left_out = _size(self.qrels) - _size(known)
        self._check_size(known)
        source: Source = "in_sample" if in_sample else "fitted"

        def fit(bundle: IndexBundle, encoder: Encoder) -> tuple[Calibration, dict[str, Any]]:
            calibration, report = _fit(Engine(bundle, encoder), known, source, self.policy)
            return calibration, {"left_out": left_out, **report}

        return CalibrationPlan(fit, tuple(known))

    def check_overlap(self) -> int:
        """Number of queries that trained the encoder. Raises JudgmentError unless allowed."""
        seen = [query for query in self.qrels if query_hash(query) in self.train_queries]
        if seen and not self.allow_in_sample:
            raise JudgmentError(
                f"{len(seen)} of {len(self.qrels)} calibration queries trained this encoder",
                where=self.where,
                expected="queries that the encoder never saw",
                found=f"{seen[0]!r} and {len(seen) - 1} more" if len(seen) > 1 else repr(seen[0]),
                hint="Hold other queries out, or pass --allow-in-sample and have it marked so.",
            )
        return len(seen)

    def _check_size(self, known: Qrels) -> None:
        pairs = _size(known)
        levels = {grade for grades in known.values() for grade in grades.values()}
        if len(known) < MIN_QUERIES or pairs < MIN_PAIRS or 2 not in levels:
            raise JudgmentError(
                "there is too little here to calibrate on",
                where=self.where,
                expected=f"{MIN_QUERIES} queries, {MIN_PAIRS} judged products of this catalogue, "
                "some of them exact",
                found=f"{len(known)} queries, {pairs} judged products, grades {sorted(levels)}",
                hint="Give more judgments, or leave them out and take the shipped calibration.",
            )


@dataclass(frozen=True)
class TakeFrom:
    """Takes over the calibration of another index that was built by the same encoder."""

    directory: Path

    def __call__(self, store: ProductStore, encoder: Encoder) -> CalibrationPlan:
        """The other's calibration, marked as taken (the shipped one stays `default`).

        One that was in sample there stays so by its mark. A promise of precision was made on the
        products of the other index, so here its cuts are kept and it is marked as not promised.

        Raises EncoderMismatch, BundleError.
        """
        other = IndexBundle.open(self.directory)
        if other.encoder_fingerprint != encoder.fingerprint:
            raise EncoderMismatch(
                "that calibration belongs to another encoder",
                where=self.directory,
                expected=f"encoder {encoder.fingerprint[:12]}",
                found=other.encoder_fingerprint[:12],
                hint="Take one of an index built by this encoder, or give judgments.",
            )
        theirs = other.calibration
        calibration = replace(
            theirs, source=_TAKEN[theirs.source], policy=without_promise(theirs.policy)
        )
        report = {
            "source": calibration.source,
            "policy": calibration.policy,
            "taken_from": other.version,
        }
        return CalibrationPlan(lambda _bundle, _same_encoder: (calibration, report))


_TAKEN: Mapping[Source, Source] = {
    "fitted": "transferred",
    "in_sample": "transferred_in_sample",
    "transferred": "transferred",
    "transferred_in_sample": "transferred_in_sample",
    "default": "default",
}


def without_promise(policy: str) -> str:
    """The name of a policy whose cuts are kept for products that it promised nothing of."""
    return policy if policy == BALANCED or policy.endswith(NOT_PROMISED) else policy + NOT_PROMISED


def _fit(
    engine: Engine, qrels: Qrels, source: Source, policy: Policy
) -> tuple[Calibration, dict[str, Any]]:
    alpha = fit_alpha(engine, qrels)
    pairs = collect_pairs(engine, qrels)
    pages = first_pages(engine, qrels, alpha.alpha)
    company = keep_company(engine, pages, alpha.alpha)
    fitted = fit_modes(pairs, alpha.alpha, company, pages, policy)
    calibration = Calibration(
        alpha=alpha.alpha,
        alpha_interval=alpha.interval,
        modes=fitted.modes,
        wishes=fitted.wishes,
        source=source,
        policy=policy.name,
        queries=tuple(sorted({query_hash(query) for query in qrels})),
        pairs=int((~pairs.assumed).sum()),
        assumed=int(pairs.assumed.sum()),
        grades=tuple(np.bincount(pairs.grade[~pairs.assumed], minlength=3).tolist()),
    )
    return calibration, _report(calibration, alpha, pairs, fitted)


def known_judgments(qrels: Qrels, store: ProductStore) -> dict[str, dict[str, int]]:
    """The judgments whose products are in the index; queries left with none fall away."""
    known = {
        query: {name: grade for name, grade in grades.items() if store.row(name) is not None}
        for query, grades in qrels.items()
    }
    return {query: grades for query, grades in known.items() if grades}


def _size(qrels: Qrels) -> int:
    return sum(len(grades) for grades in qrels.values())


def keep_company(engine: Engine, pages: Mapping[Mode, FirstPages], alpha: float) -> Company:
    """Best scores of the calibration queries and of nonsense made from words of titles."""
    lexical, store = engine.bundle.lexical, engine.bundle.store
    lent = title_words(store, _NONSENSE_SEED)
    half_known = half_known_queries(lexical, _NONSENSE, _NONSENSE_SEED, lent)
    unknown = nonsense_queries(lexical, _NONSENSE, _NONSENSE_SEED, lent)
    unrelated = unrelated_queries(lexical, _NONSENSE, _NONSENSE_SEED, lent)
    return Company(
        real={mode: of_mode.top for mode, of_mode in pages.items()},
        half_known=tops_of(engine, half_known, alpha),
        unrelated=tops_of(engine, unrelated, alpha),
        unknown=best_semantic(engine, unknown, _NONSENSE_DEPTH),
    )


def _report(
    calibration: Calibration, alpha: AlphaFit, pairs: Pairs, fitted: FittedModes
) -> dict[str, Any]:
    return {
        "source": calibration.source,
        "policy": calibration.policy,
        **fitted.record(),
        "queries": len(calibration.queries),
        "queries_hash": calibration.queries_hash,
        "judged_pairs": calibration.pairs,
        "assumed_pairs": calibration.assumed,
        "alpha_best": alpha.best,
        "alpha_interval": list(alpha.interval),
        "alpha_ndcg@10": list(alpha.curve),
        "thresholds": {mode: vars(part.thresholds) for mode, part in calibration.modes.items()},
        "grades": list(calibration.grades),
        "wishes": [own and vars(own.hybrid.thresholds) for own in calibration.wishes],
    }

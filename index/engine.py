"""The whole query path, offline and in the service alike.

normalise → terms → encode → HNSW top c and BM25F top c → union, missing scores filled → relevance
and tier → cut → order → page → fetch.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.text import normalise
from export.bundle import Encoder
from index.budgets import NO_BUDGETS, Budgets, OverBudget
from index.bundle import IndexBundle
from index.calibration import Calibration, Mode
from index.candidates import NOTHING, Candidates
from index.listing import listing
from index.page import cut, hits, least_relevance, rank
from index.prepared import Prepared, plan_of
from index.refine import Refiner
from index.request import IndexInfo, Query, SearchRequest, SearchResult
from index.retrieval import result_set, scored, with_pinned
from index.rules import Rules
from index.spelling.speller import Correction, Speller
from index.stopwatch import Stopwatch
from index.subset import Subset
from index.suggest.suggester import Suggester
from index.words.languages import check_language
from index.words.terms import QueryTerms

Vector = NDArray[np.float32]


class Engine:
    """One open index and its encoder. Immutable: searches may run side by side."""

    def __init__(self, bundle: IndexBundle, encoder: Encoder, rules: Rules | None = None) -> None:
        """`rules` None takes those that the index was built with.

        Raises EncoderMismatch when the vectors were made by another encoder, or RulesError.
        """
        encoder = bundle.fitting(encoder)
        bundle.check_encoder(encoder)
        self.bundle = bundle
        self.encoder = encoder
        self.speller = Speller.over(bundle.spelling, bundle.lexical)
        self.suggester = None if bundle.suggestions is None else Suggester(bundle.suggestions)
        self.refiner = Refiner(bundle, rules)
        version, maker = bundle.version, bundle.encoder_fingerprint
        self._covered = IndexInfo(version, maker, bundle.calibration.name)
        self._not_covered = IndexInfo(version, maker, "not_covered")

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        encoder: Encoder | None = None,
        verify: bool = True,
        threads: int = 1,
        rules: Rules | None = None,
    ) -> Engine:
        """Open an index root (its live version) or one version; by default its own encoder.

        Raises MissingFile, HashMismatch, SchemaTooNew, EncoderMismatch, BundleError.
        """
        bundle = IndexBundle.open(directory, verify=verify)
        if encoder is None:
            # The files of the encoder stand in the manifest of the index: hashed already.
            encoder = bundle.open_encoder(verify=False, threads=threads)
        return cls(bundle, encoder, rules)

    def over(self, bundle: IndexBundle) -> Engine:
        """The same engine over another state of its index: live updates, same version."""
        other = copy(self)
        other.bundle = bundle
        other.refiner = Refiner(bundle, self.refiner.rules)
        return other

    def plain(self) -> Engine:
        """The same engine without pins, buries and tie-breaks."""
        other = copy(self)
        other.refiner = Refiner(self.bundle, Rules())
        return other

    @property
    def calibration(self) -> Calibration:
        """From scores to relevance and tiers."""
        return self.bundle.calibration

    def search(self, request: SearchRequest) -> SearchResult:
        """Answer one request. Raises QueryError."""
        watch = Stopwatch()
        prepared = self.prepare(request)
        watch.lap("prepare")
        vector = self.encode(prepared) if prepared.needs_vector else None
        watch.lap("encode")
        return self.answer(prepared, vector, watch)

    def prepare(self, request: SearchRequest, budgets: Budgets = NO_BUDGETS) -> Prepared:
        """Check and understand a request without encoding it. Raises QueryError.

        What takes longer than its budget, here or in `answer`, is left out and the answer says so.
        """
        request = request.validated()
        lexical = self.bundle.lexical
        if request.lang is not None:
            check_language(request.lang, lexical.analyser.language.code)
        text = normalise(request.q)
        corrections: tuple[Correction, ...] = ()
        left_out: tuple[str, ...] = ()
        if request.correct:
            try:
                text, corrections = self.speller.correct(text, budgets.spelling)
            except OverBudget:
                left_out = ("spelling:slow",)
        terms = lexical.analyser.query_terms(text)
        self.refiner.refine(request, text)  # refused before it is encoded
        if request.mode != "lexical" and terms.counts:
            terms = replace(terms, subwords=self.encoder.asked_subwords(text))
        known = lexical.known(terms)
        unknown = known < len(terms.counts) or not lexical.knows_unwanted(terms)
        # Without a known word the lexical arm is blind, and its zeros mean nothing.
        mode = "semantic" if request.mode == "hybrid" and not known else request.mode
        wishes = self.bundle.wishes_in(terms, text) if self.calibration.wishes else 0
        has_words = bool(terms.counts)
        understood = request, text, terms, mode, has_words, known > 0, unknown
        return Prepared(*understood, corrections, budgets, left_out, wishes)

    def encode(self, prepared: Prepared) -> Vector:
        """The query's vector, (dim,) float32, L2 = 1."""
        vector: Vector = self.encoder.encode_queries([prepared.text])[0]
        return vector

    def answer(
        self, prepared: Prepared, vector: Vector | None, watch: Stopwatch | None = None
    ) -> SearchResult:
        """Answer a prepared request.

        A needed vector that is None (the encoder is slow or down) leaves the lexical arm alone,
        with its own calibration, and the answer says `degraded`.
        """
        watch = watch or Stopwatch()
        request, mode = prepared.request, prepared.mode
        degraded = prepared.left_out
        if prepared.needs_vector and vector is None:
            mode, degraded = "lexical", (*degraded, "encoder")
        refined = self.refiner.refine(request, prepared.text)
        found = NOTHING
        if prepared.has_words:
            asked, weight = (prepared.terms, vector, mode), self._alpha(request.alpha)
            found = self.candidates(
                *asked, alpha=weight, exact=request.exact, among=refined.among, watch=watch
            )
            if refined.wanted.pinned:
                pinned = refined.wanted.pinned
                found = with_pinned(self.bundle, found, pinned, *asked, alpha=weight)
        alpha = self._alpha(request.alpha) if mode == "hybrid" else None
        part = self.calibration.part(prepared.part(mode), prepared.wishes)
        least = least_relevance(part, request)
        ranking = rank(found, part, self.bundle.store.ranks, least)
        listed = listing(found, ranking, self.bundle.store.ranks, refined.wanted)
        page = cut(ranking, listed.shown, request)
        try:
            facets, stats = self.refiner.facets(refined, found, listed, prepared.budgets.facets)
        except OverBudget:
            facets, stats, degraded = {}, {}, (*degraded, "facets:slow")
        watch.lap("blend")
        shown = hits(self.bundle.store, found, ranking, page, part, request, alpha)
        shown = self.refiner.dress(shown, refined, listed, request.offset, prepared.terms)
        watch.lap("fetch")
        return SearchResult(
            query=Query(
                request.q,
                prepared.text,
                tuple(correction.record() for correction in prepared.corrections),
                prepared.terms.dropped,
            ),
            hits=shown,
            total=page.total,
            tier_counts=page.tier_counts,
            no_confident_match=not page.confident,
            timing_ms=watch.milliseconds(),
            plan=plan_of(prepared, mode, page, self._way(refined.among, exact=request.exact))
            | self.refiner.plan(refined, mode, exact=request.exact),
            degraded=degraded,
            facets=facets,
            facet_stats=stats,
            index=self._covered if alpha is None or request.alpha is None else self._not_covered,
        )

    def candidates(
        self,
        terms: QueryTerms,
        vector: Vector | None,
        mode: Mode,
        *,
        alpha: float | None = None,
        exact: bool = False,
        depth: int | None = None,
        among: Subset | None = None,
        watch: Stopwatch | None = None,
    ) -> Candidates:
        """The result set R(q), not ordered; `depth` is c, the bundle's unless given.

        `among` leaves out all other rows, as the bundle itself leaves out deleted ones.
        """
        return result_set(
            self.bundle,
            terms,
            vector,
            mode,
            alpha=self._alpha(alpha),
            exact=exact,
            depth=depth,
            among=among,
            watch=watch,
        )

    def pairs(
        self, terms: QueryTerms, vector: Vector | None, mode: Mode, rows: NDArray[np.int64]
    ) -> Candidates:
        """Scores of any products, in R or not: the same numbers as `candidates` gives them."""
        return scored(self.bundle, terms, vector, mode, rows, alpha=self.calibration.alpha)

    def retrieve(
        self, query: str, mode: Mode, depth: int, *, exact: bool = False, correct: bool = True
    ) -> list[tuple[str, float, float]]:
        """The best `depth` of the whole catalogue as (product id, relevance, score), nothing cut.

        Each arm goes as deep as `depth`, and no less deep than the bundle's c.
        """
        prepared = self.prepare(SearchRequest(query, mode=mode, correct=correct))
        if not prepared.has_words:
            return []
        found = self.candidates(
            prepared.terms,
            self.encode(prepared) if prepared.needs_vector else None,
            prepared.mode,
            exact=exact,
            depth=max(depth, self.bundle.candidates),
        )
        part = self.calibration.part(prepared.part(prepared.mode), prepared.wishes)
        ranking = rank(found, part, self.bundle.store.ranks)
        ids = self.bundle.store.ids
        return [
            (ids[found.rows[place]], float(ranking.relevance[place]), float(found.scores[place]))
            for place in ranking.order[:depth]
        ]

    def _way(self, among: Subset | None, *, exact: bool) -> str:
        return self.bundle.dense.way(self.bundle.candidates, among, exact=exact)

    def _alpha(self, asked: float | None) -> float:
        return self.calibration.alpha if asked is None else asked

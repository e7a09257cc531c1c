"""What queries find before anything is calibrated: results by mode, and the best score of each.

Retrieval as the engine does it, with the weight of the arms that was just fitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade
from index.calibrating.policies import PAGE
from index.calibration import Mode
from index.engine import Engine
from index.ranking import best
from index.request import SearchRequest

Scores = NDArray[np.float64]
_Page = tuple[Scores, NDArray[np.bool_], bool, int]


@dataclass(frozen=True)
class Tops:
    """Best score of each query that found anything, (queries,); the rest as in `FirstPages`."""

    scores: Scores
    half_known: NDArray[np.bool_]
    wishes: NDArray[np.int64]

    def asking(self, wishes: int) -> Tops:
        """Those of queries with so many wishes."""
        own = self.wishes == wishes
        return Tops(self.scores[own], self.half_known[own], self.wishes[own])


@dataclass(frozen=True)
class FirstPages:
    """First pages of some queries in one mode, best first.

    `scores` (queries, PAGE), -inf where a page is shorter; `exact` the same shape, False where a
    product is not judged exact or not judged at all; `half_known` (queries,), whether the catalogue
    lacks a word of the query; `wishes` (queries,), how much it asks for.
    """

    scores: Scores
    exact: NDArray[np.bool_]
    half_known: NDArray[np.bool_]
    wishes: NDArray[np.int64]

    @property
    def top(self) -> Tops:
        """Best scores of the queries that found anything."""
        found = np.isfinite(self.scores[:, 0])
        return Tops(self.scores[found, 0], self.half_known[found], self.wishes[found])

    def of(self, queries: NDArray[np.int64] | Sequence[int]) -> FirstPages:
        """The pages of these, by their places."""
        return FirstPages(
            self.scores[queries],
            self.exact[queries],
            self.half_known[queries],
            self.wishes[queries],
        )


def first_pages(
    engine: Engine, qrels: Mapping[str, Mapping[str, int]], alpha: float
) -> dict[Mode, FirstPages]:
    """First pages by mode of those queries that hold a word of the catalogue."""
    pages: dict[Mode, list[_Page]] = {
        "lexical": [],
        "semantic": [],
        "hybrid": [],
    }
    store = engine.bundle.store
    for query, grades in qrels.items():
        prepared = engine.prepare(SearchRequest(query))
        if not prepared.known_words:
            continue
        found = engine.candidates(prepared.terms, engine.encode(prepared), "hybrid", alpha=alpha)
        for mode, scores in (
            ("lexical", found.lexical),
            ("semantic", found.semantic),
            ("hybrid", found.scores),
        ):
            if scores is None:
                continue
            rows, top = best(found.rows, scores, store.ranks, PAGE)
            exact = [grades.get(store.ids[row]) == Grade.EXACT for row in rows.tolist()]
            wishes = engine.bundle.wishes_in(prepared.terms, prepared.text)
            page = top, np.array(exact, np.bool_), prepared.unknown_words, wishes
            pages[mode].append(page)  # type: ignore[index]
    return {mode: _stacked(of_mode) for mode, of_mode in pages.items()}


def tops_of(engine: Engine, queries: Iterable[str], alpha: float) -> dict[Mode, Tops]:
    """Best score by mode of each of `queries` that holds a word of the catalogue."""
    pages = first_pages(engine, {query: {} for query in queries}, alpha)
    return {mode: of_mode.top for mode, of_mode in pages.items()}


def best_semantic(engine: Engine, queries: list[str], depth: int) -> Scores:
    """The best semantic scores of each query, (queries, <= depth)."""
    ranks = engine.bundle.store.ranks
    found = []
    for query in queries:
        prepared = engine.prepare(SearchRequest(query, mode="semantic", correct=False))
        pairs = engine.candidates(prepared.terms, engine.encode(prepared), "semantic")
        found.append(best(pairs.rows, pairs.scores, ranks, depth)[1])
    return np.array(found)


def _stacked(pages: list[_Page]) -> FirstPages:
    scores = np.full((len(pages), PAGE), -np.inf)
    exact = np.zeros((len(pages), PAGE), np.bool_)
    for row, (top, hits, _, _) in enumerate(pages):
        scores[row, : len(top)] = top
        exact[row, : len(hits)] = hits
    half_known = np.array([half for _, _, half, _ in pages], np.bool_)
    wishes = np.array([count for _, _, _, count in pages], np.int64)
    return FirstPages(scores, exact, half_known, wishes)

"""Putting judged queries to the engine that serves, in every mode, with nothing cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.calibration import MODES, TIERS, Mode
from index.engine import Engine
from index.evaluating.forecasts import Forecasts, together
from index.pairs import draw_unjudged
from index.request import SearchRequest, SearchResult

Qrels = Mapping[str, Mapping[str, int]]
Rows = NDArray[np.int64]

DEPTH = 200
SHOWN = 20


@dataclass(frozen=True)
class Answers:
    """What all queries got in one mode, in the order in which they were asked.

    `rankings` are product ids to depth 200, `silent` (queries,) where nothing reached `substitute`.
    What was said of the judged pairs, retrieved or not; of `shown`, the first twenty hits; and of
    `drawn`, fifty products a query that nobody judged, grade 0.
    """

    rankings: list[list[str]]
    silent: NDArray[np.bool_]
    judged: Forecasts
    shown: Forecasts
    drawn: Forecasts


def ask(
    engine: Engine,
    qrels: Qrels,
    texts: Sequence[str] | None = None,
    advance: Callable[[int], None] = lambda _done: None,
    *,
    correct: bool = True,
) -> dict[Mode, Answers]:
    """Ask every query (one at least) in every mode; `texts` are typed instead of the queries.

    Misspelt words are read as the engine corrects them, or as they stand without `correct`.
    Judgments of products that the index does not hold are passed over.
    """
    found: dict[Mode, list[_Answer]] = {mode: [] for mode in MODES}
    typed = list(qrels) if texts is None else texts
    for number, (text, grades) in enumerate(zip(typed, qrels.values(), strict=True)):
        for mode in MODES:
            request = SearchRequest(
                text,
                limit=SHOWN,
                mode=mode,
                min_tier="irrelevant",
                explain=True,
                correct=correct,
            )
            found[mode].append(_ask(engine, request, grades, number))
        advance(1)
    return {
        mode: Answers(
            [one.ranking for one in of_mode],
            np.array([one.silent for one in of_mode], np.bool_),
            together([one.judged for one in of_mode]),
            together([one.shown for one in of_mode]),
            together([one.drawn for one in of_mode]),
        )
        for mode, of_mode in found.items()
    }


@dataclass(frozen=True)
class _Answer:
    ranking: list[str]
    silent: bool
    judged: Forecasts
    shown: Forecasts
    drawn: Forecasts


def _ask(engine: Engine, request: SearchRequest, grades: Mapping[str, int], number: int) -> _Answer:
    result = engine.search(request)
    store = engine.bundle.store
    judged = {row: grade for name, grade in grades.items() if (row := store.row(name)) is not None}
    drawn = draw_unjudged(request.q, len(store), set(judged))
    return _Answer(
        ranking=[
            hit[0]
            for hit in engine.retrieve(request.q, request.mode, DEPTH, correct=request.correct)
        ],
        silent=result.no_confident_match,
        judged=_said(engine, request, list(judged), list(judged.values()), True, number),
        shown=_shown(result, grades, number),
        drawn=_said(engine, request, drawn, [0] * len(drawn), False, number),
    )


def _said(
    engine: Engine,
    request: SearchRequest,
    rows: list[int],
    grades: list[int],
    judged: bool,
    number: int,
) -> Forecasts:
    """What a search would say of these rows, found or not."""
    prepared = engine.prepare(request)
    scores = at_least_1 = exactly_2 = relevance = np.zeros(len(rows))
    tier = np.zeros(len(rows), np.int64)
    if prepared.has_words and rows:  # without a word nothing is searched, and nothing said
        vector = engine.encode(prepared) if prepared.needs_vector else None
        found = engine.pairs(prepared.terms, vector, prepared.mode, np.array(rows, np.int64))
        part = engine.calibration.part(prepared.part(prepared.mode), prepared.wishes)
        scores = found.scores
        at_least_1, exactly_2 = part.link.probabilities(scores)
        relevance = part.link.relevance(scores)
        tier = part.thresholds.grades(relevance)
    return Forecasts(
        scores,
        at_least_1,
        exactly_2,
        relevance,
        tier,
        np.array(grades, np.int64),
        np.full(len(rows), judged),
        np.full(len(rows), number, np.int64),
    )


def _shown(result: SearchResult, grades: Mapping[str, int], number: int) -> Forecasts:
    hits = [(hit, hit.explain) for hit in result.hits if hit.explain is not None]
    return Forecasts(
        score=np.array([why.score for _, why in hits], np.float64),
        at_least_1=np.array([why.p_at_least_substitute for _, why in hits], np.float64),
        exactly_2=np.array([why.p_exact for _, why in hits], np.float64),
        relevance=np.array([hit.relevance for hit, _ in hits], np.float64),
        tier=np.array([TIERS.index(hit.tier) for hit, _ in hits], np.int64),
        grade=np.array([grades.get(hit.id, 0) for hit, _ in hits], np.int64),
        judged=np.array([hit.id in grades for hit, _ in hits], np.bool_),
        query=np.full(len(hits), number, np.int64),
    )

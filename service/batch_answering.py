"""Several searches from requests to results: one generation, one encoder call, one deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from catalog.errors import DeadlineExceeded, GradusError, QueryError
from index.engine import Engine
from index.prepared import Prepared
from index.request import IndexInfo, SearchRequest, SearchResult
from index.stopwatch import Stopwatch
from service.answering import ENCODER_SHARE, concluded, kept
from service.arrival import Deadline
from service.encoding.query_encoder import Encoded
from service.generation import Generation
from service.live import LiveIndex
from service.problems import RequestError
from service.shadow import Shadow

Outcome = SearchResult | RequestError | GradusError


@dataclass(frozen=True)
class Asked:
    """One search of a batch."""

    request: SearchRequest
    use_cache: bool


@dataclass(frozen=True)
class Batch:
    """What became of each search, what answered, and the milliseconds that it took."""

    outcomes: list[Outcome]
    stamp: IndexInfo
    timing_ms: dict[str, float]


async def answer(
    live: LiveIndex,
    asked: Sequence[Asked | RequestError],
    deadline: Deadline,
    watch: Stopwatch,
    *,
    done: Callable[[], None],
    shadow: Shadow | None = None,
) -> Batch:
    """The outcome of each search, in order; `done` is called after each.

    `watch` began with the request.
    Raises NotReady, ClientGone, and DeadlineExceeded when nothing was begun in time.
    """
    watch.lap("queue")
    deadline.check("in the queue")
    generation = live.generation.acquire()
    engine = generation.engine  # an update that comes meanwhile is not for this batch
    try:
        outcomes = await _outcomes(generation, engine, asked, deadline, done, watch)
    finally:
        generation.release()
    for one, found in zip(asked, outcomes, strict=True):
        if isinstance(one, Asked) and isinstance(found, SearchResult):
            live.record(one.request)
            if shadow is not None:
                shadow.offer(one.request, found)
    timing = watch.milliseconds()
    stamp = IndexInfo(
        engine.bundle.version, engine.bundle.encoder_fingerprint, engine.calibration.name
    )
    return Batch(outcomes, stamp, timing)


async def _outcomes(
    generation: Generation,
    engine: Engine,
    asked: Sequence[Asked | RequestError],
    deadline: Deadline,
    done: Callable[[], None],
    watch: Stopwatch,
) -> list[Outcome]:
    begun = [_begun(generation, engine, one) for one in asked]
    watch.lap("prepare")
    vectors = await _vectors(generation, asked, begun, deadline)
    watch.lap("encode")
    outcomes: list[Outcome] = []
    for one, first in zip(asked, begun, strict=True):
        if isinstance(one, Asked) and isinstance(first, Prepared):
            # Between two searches the worker looks at what else has come.
            await asyncio.sleep(0)
            encoded = vectors.get((first.text, one.use_cache), Encoded(None))
            outcomes.append(_concluded(generation, engine, one, first, encoded, deadline))
        else:
            outcomes.append(cast("Outcome", first))
        done()
    watch.lap("search")
    return outcomes


def _begun(generation: Generation, engine: Engine, one: Asked | RequestError) -> Prepared | Outcome:
    if isinstance(one, RequestError):
        return one
    found = kept(generation, one.request, Stopwatch(), use_cache=one.use_cache)
    if found is not None:
        return found
    try:
        return engine.prepare(one.request, generation.budgets)
    except QueryError as error:
        return error


async def _vectors(
    generation: Generation,
    asked: Sequence[Asked | RequestError],
    begun: Sequence[Prepared | Outcome],
    deadline: Deadline,
) -> dict[tuple[str, bool], Encoded]:
    """By text and by whether a kept vector will do."""
    found: dict[tuple[str, bool], Encoded] = {}
    for use_cache in (True, False):
        texts = [
            first.text
            for one, first in zip(asked, begun, strict=True)
            if isinstance(one, Asked)
            and isinstance(first, Prepared)
            and first.needs_vector
            and one.use_cache == use_cache
        ]
        if texts:
            patience = ENCODER_SHARE * deadline.left()
            encoded = await generation.encoder.many(
                texts, patience, deadline.arrival.gone, use_cache=use_cache
            )
            found |= {(text, use_cache): one for text, one in zip(texts, encoded, strict=True)}
    return found


def _concluded(
    generation: Generation,
    engine: Engine,
    one: Asked,
    prepared: Prepared,
    encoded: Encoded,
    deadline: Deadline,
) -> Outcome:
    try:
        deadline.check("before this search began")
        watch = Stopwatch()
        return concluded(generation, engine, prepared, encoded, watch, use_cache=one.use_cache)
    except (QueryError, DeadlineExceeded) as error:
        return error

"""One search from request to result: cache, vector or none, both arms, counted and compared.

The routes hand a validated request over; everything that may take time is bounded by its deadline.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from index.engine import Engine
from index.prepared import Prepared
from index.request import SearchRequest, SearchResult
from index.stopwatch import Stopwatch
from service import drift, metrics
from service.afterwards import later
from service.arrival import Deadline
from service.encoding.query_encoder import Encoded
from service.generation import Generation
from service.live import LiveIndex
from service.shadow import Shadow

# Of the time that is left, the encoder may take this share: the rest is for a search without it.
ENCODER_SHARE = 0.5


async def answer(
    live: LiveIndex,
    request: SearchRequest,
    deadline: Deadline,
    watch: Stopwatch,
    *,
    use_cache: bool = True,
    shadow: Shadow | None = None,
) -> SearchResult:
    """The result of one search, all of it from one generation of the index.

    `watch` began with the request.
    Raises QueryError, NotReady, DeadlineExceeded, ClientGone.
    """
    watch.lap("queue")
    deadline.check("in the queue")
    generation = live.generation.acquire()
    try:
        result = await _found(generation, request, deadline, use_cache, watch)
    finally:
        generation.release()
    deadline.check("while it was searched")
    live.record(request)
    if shadow is not None:
        shadow.offer(request, result)
    return result


async def _found(
    generation: Generation,
    request: SearchRequest,
    deadline: Deadline,
    use_cache: bool,
    watch: Stopwatch,
) -> SearchResult:
    found = kept(generation, request, watch, use_cache=use_cache)
    if found is not None:
        return found
    if use_cache and generation.answers.size:
        metrics.CACHE_MISSES.labels("answer").inc()
    engine = generation.engine
    prepared = engine.prepare(request, generation.budgets)
    if prepared.needs_vector:
        generation.encoder.expect(prepared.text, use_cache=use_cache)
    watch.lap("prepare")
    await _let_others_catch_up(watch)
    encoded = await _vector(generation, prepared, deadline, use_cache)
    watch.lap("encode")
    await _let_others_catch_up(watch)
    deadline.check("while others were searched")
    found = kept(generation, request, watch, use_cache=use_cache)  # by one of the others
    if found is not None:
        return found
    return concluded(generation, engine, prepared, encoded, watch, use_cache=use_cache)


async def _let_others_catch_up(watch: Stopwatch) -> None:
    # Searches that wait together take each step one after another: its code is in the caches for
    # all but the first of them, before the vectors of the last step drive it out.
    await asyncio.sleep(0)
    watch.lap("queue")


def kept(
    generation: Generation, request: SearchRequest, watch: Stopwatch, *, use_cache: bool
) -> SearchResult | None:
    """The answer that was kept of an equal request, if any, with the times of this one."""
    found = generation.answers.get(request) if use_cache else None
    if found is None:
        return None
    metrics.CACHE_HITS.labels("answer").inc()
    return replace(found, timing_ms=watch.milliseconds())


def concluded(
    generation: Generation,
    engine: Engine,
    prepared: Prepared,
    encoded: Encoded,
    watch: Stopwatch,
    *,
    use_cache: bool,
) -> SearchResult:
    """Search with the vector, or without one for the reason given; count and keep the result.

    `engine` is what the generation had when the search began.
    """
    result = engine.answer(prepared, encoded.vector, watch)
    if encoded.reason:
        result = replace(result, degraded=_named(result.degraded, encoded.reason))
    later(drift.count, engine, prepared, result)
    # What was found before an update that came meanwhile is not the answer to the next search.
    if use_cache and not result.degraded and engine is generation.engine:
        generation.answers.put(prepared.request, result)
    return result


async def _vector(
    generation: Generation, prepared: Prepared, deadline: Deadline, use_cache: bool
) -> Encoded:
    if not prepared.needs_vector:
        return Encoded(None)
    encoded = await generation.encoder.vector(
        prepared.text, ENCODER_SHARE * deadline.left(), deadline.arrival.gone, use_cache=use_cache
    )
    deadline.check("while the query was encoded")
    return encoded


def _named(degraded: tuple[str, ...], reason: str) -> tuple[str, ...]:
    """The engine names the component, the encoder says why."""
    return tuple(f"{part}:{reason}" if part == "encoder" else part for part in degraded)

"""A query's vector for a search: remembered, shared, encoded in time, or given up with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import NamedTuple

from service import logs, metrics
from service.afterwards import later
from service.encoding.breaker import Breaker
from service.encoding.bulk import Bulk, QueueFull, Side
from service.encoding.choice import Choice
from service.encoding.lane import Busy, Job, Lane, Outcome, TextEncoder, Unwanted, Vector
from service.encoding.lru import Lru
from service.encoding.mender import Mender
from service.encoding.together import Together

VectorCache = Lru[tuple[str, str], Vector]


class Encoded(NamedTuple):
    """A vector, or None and why: `slow`, `failed`, `down` or `queue_full`."""

    vector: Vector | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class _Flight:
    """A text under way, with the searches that wait for it: until when, and whether still there."""

    landed: asyncio.Future[Outcome]
    passengers: list[tuple[float, Callable[[], bool]]]

    def empty(self) -> Unwanted:
        """Why it need not go on: every client has left, or those that are there do not wait."""
        now, passengers = perf_counter(), list(self.passengers)
        if all(gone() for _, gone in passengers):
            return "client_gone"
        late = all(now > until or gone() for until, gone in passengers)
        return "too_late" if late else ""


class QueryEncoder:
    """The encoder of one open index as searches meet it. All calls come from the event loop.

    Vectors are kept in `cache` under the encoder's fingerprint, so that the next index of the same
    encoder finds them warm. One text is encoded once, however many searches wait for it.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        fingerprint: str,
        choice: Choice,
        cache: VectorCache,
        *,
        rows: int = 1,
        most_waiting: int = 256,
        max_wait: float = 0.25,
        reopen: Callable[[], TextEncoder] | None = None,
        tokens: Callable[[str], int] = len,
    ) -> None:
        """`max_wait` in seconds; `reopen` makes a fresh encoder when this one does not recover."""
        self.choice = choice
        self._fingerprint, self._cache = fingerprint, cache
        self._rows, self._tokens = rows, tokens
        self._most_waiting, self._max_wait = most_waiting, max_wait
        self._lane = self._open_lane(encoder, rows)
        self._bulk = Bulk(most_waiting, self._open_lane)
        self._breaker = Breaker()
        self._flights: dict[str, _Flight] = {}
        self._together = Together(self.choice.encode_ms / 1e3)
        self._mender = Mender(encoder, reopen, max_wait, self._mended)

    @property
    def down(self) -> bool:
        """Whether searches go on without vectors until the encoder has been mended."""
        return self._breaker.open

    def expect(self, text: str, *, use_cache: bool = True) -> None:
        """A call of `vector` follows in a moment: others that do may be encoded with it."""
        kept = use_cache and (self._fingerprint, text) in self._cache
        if self.choice.way == "inline" and not self._breaker.open and not kept:
            self._together.announce(text)

    async def vector(
        self, text: str, patience: float, gone: Callable[[], bool], *, use_cache: bool = True
    ) -> Encoded:
        """The vector of a query, waited for no longer than `patience` seconds."""
        key = (self._fingerprint, text)
        if use_cache:
            known = self._cache.get(key)
            if known is not None:
                metrics.CACHE_HITS.labels("vector").inc()
                return Encoded(known)
            metrics.CACHE_MISSES.labels("vector").inc()
        if self._breaker.open:
            return Encoded(None, "down")
        seconds = min(patience, self._max_wait)
        try:
            if self.choice.way == "inline":
                vector = self._together.take(self._lane, text, seconds)
            elif len(self._flights) >= self._most_waiting and text not in self._flights:
                return Encoded(None, "queue_full")
            else:
                vector = await self._shared(text, seconds, gone)
        except Busy:
            return self._failed("slow", full_wait=seconds >= self._max_wait)
        except Exception as error:  # any fault of an encoder leaves the lexical arm
            return self._failed("failed", error=error)
        self._breaker.success()
        self._cache.put(key, vector)
        return Encoded(vector)

    async def many(
        self,
        texts: Sequence[str],
        patience: float,
        gone: Callable[[], bool],
        *,
        side: Side = "query",
        use_cache: bool = True,
    ) -> list[Encoded]:
        """The vectors of several texts, in their order; what is not known yet in one call.

        Vectors of items are not kept. Beside `patience` nothing bounds the time.
        """
        known: dict[str, Encoded] = {}
        if side == "query" and use_cache:
            for text in texts:
                vector = self._cache.get((self._fingerprint, text))
                if vector is not None:
                    known[text] = Encoded(vector)
            metrics.CACHE_HITS.labels("vector").inc(len(known))
            metrics.CACHE_MISSES.labels("vector").inc(len({*texts}) - len(known))
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known |= await self._bulk_encoded(missing, patience, gone, side)
        return [known[text] for text in texts]

    async def _bulk_encoded(
        self, texts: list[str], patience: float, gone: Callable[[], bool], side: Side
    ) -> dict[str, Encoded]:
        if self._breaker.open:
            return dict.fromkeys(texts, Encoded(None, "down"))
        try:
            vectors = await self._bulk.encode(self._lane.encoder, side, texts, patience, gone)
        except QueueFull:
            return dict.fromkeys(texts, Encoded(None, "queue_full"))
        except Busy:  # whoever asks for much waits long: that says nothing about the encoder
            return dict.fromkeys(texts, self._failed("slow", full_wait=False))
        except Exception as error:  # any fault of an encoder leaves the lexical arm
            return dict.fromkeys(texts, self._failed("failed", error=error))
        self._breaker.success()
        if side == "query":
            for text, vector in zip(texts, vectors, strict=True):
                self._cache.put((self._fingerprint, text), vector)
        return {text: Encoded(vector) for text, vector in zip(texts, vectors, strict=True)}

    def encode(self, text: str) -> Vector | None:
        """A vector outside of any search, from another thread: for warming up and comparing."""
        return None if self.down else self._lane.encoder.encode_queries([text])[0]

    def close(self) -> None:
        """End the threads."""
        if self._breaker.open:  # nothing of it is left to be mended
            metrics.ENCODER_DOWN.set(0)
        self._mender.close()
        self._bulk.close()
        self._lane.close()

    async def _shared(self, text: str, seconds: float, gone: Callable[[], bool]) -> Vector:
        flight, passenger = self._flights.get(text), (perf_counter() + seconds, gone)
        if flight is None:
            flight = self._take_off(text, passenger)
        else:
            flight.passengers.append(passenger)
        done, _ = await asyncio.wait((flight.landed,), timeout=seconds)
        if not done:
            raise Busy
        found = flight.landed.result()
        if isinstance(found, Exception):
            raise found
        return found

    def _take_off(self, text: str, passenger: tuple[float, Callable[[], bool]]) -> _Flight:
        loop = asyncio.get_running_loop()
        flight = self._flights[text] = _Flight(loop.create_future(), [passenger])

        def land(found: Outcome) -> None:
            if self._flights.get(text) is flight:
                del self._flights[text]
            flight.landed.set_result(found)

        def deliver(found: Outcome) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(land, found)

        def empty() -> Unwanted:
            why = flight.empty()
            if why:
                deliver(Busy())
            return why

        length = self._tokens(text) if self._rows > 1 else 0
        self._lane.submit(Job(text, deliver, empty, length))
        return flight

    def _failed(
        self, reason: str, *, full_wait: bool = True, error: Exception | None = None
    ) -> Encoded:
        metrics.ENCODER_FAILURES.labels(reason).inc()
        stuck = self._lane.stuck_for() > 4 * self._max_wait
        # A search in a hurry says nothing about the encoder.
        opened = (full_wait and self._breaker.failure()) or (stuck and self._breaker.trip())
        if opened:
            metrics.ENCODER_DOWN.set(1)
            logs.service.error(
                "the encoder is out: searches go on by words alone until it is mended",
                extra={"fields": {"reason": reason, "error": str(error) if error else ""}},
            )
            self._mender.start(self._lane.encoder, stuck=self._lane.stuck_for)
        return Encoded(None, reason)

    def _mended(self, encoder: TextEncoder) -> None:
        """Called by the mender's thread once `encoder` has given the vectors it should."""
        if encoder is not self._lane.encoder or self._lane.stuck_for() > 0:
            before, self._lane = self._lane, self._open_lane(encoder, self._rows)
            self._flights = {}  # those of the old lane may never land
            before.close()
        self._together = Together(self.choice.encode_ms / 1e3)
        self._breaker.mended()
        metrics.ENCODER_DOWN.set(0)
        logs.service.warning("the encoder is mended: searches have vectors again")

    def _open_lane(self, encoder: TextEncoder, rows: int) -> Lane:
        return Lane(
            encoder,
            rows,
            on_batch=partial(later.add, metrics.BATCH_SIZE.observe),
            on_dropped=lambda why: metrics.SHED.labels(why).inc(),
        )

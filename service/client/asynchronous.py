"""The client whose answers are awaited; `service.client.blocking` has the same methods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from copy import copy
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx

from service.client import calls, paging
from service.client.calls import Call, SearchOptions
from service.client.exchange import Exchanges, Outcome, Send
from service.client.operation_results import Health, Indexes, Info, Live, Published
from service.client.options import Options, Trace, request_arguments
from service.client.results import Hit, SearchAnswer, SuggestAnswer
from service.client.retrying import RetryBudget

T = TypeVar("T")


class AsyncClient:
    """A service at one address; keeps its connections open. For one event loop.

    Every method raises ClientError, which `service.client.errors` draws as a tree.
    """

    def __init__(
        self, options: Options | str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.options = Options(options) if isinstance(options, str) else options
        self._http = httpx.AsyncClient(**self.options.httpx(), transport=transport)
        self._exchanges = Exchanges(self.options.retries, RetryBudget(self.options.retries))
        self._trace = Trace()

    def under(self, request_id: str = "", traceparent: str = "") -> Self:
        """The same client, its connections shared, whose calls bear these names."""
        other = copy(self)
        other._trace = Trace(request_id, traceparent)
        return other

    async def search(self, q: str, **options: Unpack[SearchOptions]) -> SearchAnswer:
        """Products that answer `q`, best first, each with its relevance and tier."""
        return await self._call(calls.search(q, options))

    async def pages(
        self, q: str, *, window: int = paging.WINDOW, **options: Unpack[SearchOptions]
    ) -> AsyncIterator[SearchAnswer]:
        """Page after page of `limit` hits, up to the service's bound; all of one index version.

        Raises IndexChanged when another version takes over meanwhile.
        """
        place: paging.Place | None = paging.first(options, window)
        while place is not None:
            answer = await self.search(q, **place.options)
            place = place.after(answer)
            yield answer

    async def hits(self, q: str, **options: Unpack[SearchOptions]) -> AsyncIterator[Hit]:
        """Hit after hit, a page at a time."""
        async for page in self.pages(q, **options):
            for hit in page.hits:
                yield hit

    async def suggest(self, q: str, limit: int | None = None) -> SuggestAnswer:
        """Completions of what has been typed so far."""
        return await self._call(calls.suggest(q, limit))

    async def indexes(self) -> Indexes:
        """The versions of the index. Admin."""
        return await self._call(calls.indexes())

    async def publish(self, version: str) -> Published:
        """Serve a version and make it live. Admin. Raises Conflict when it must not serve."""
        return await self._call(calls.publish(version))

    async def rollback(self) -> Published:
        """Serve what was live before. Admin. Never repeated after it may have been done."""
        return await self._call(calls.rollback())

    async def live(self) -> Live:
        """Whether the process can answer at all."""
        return await self._call(calls.live())

    async def ready(self) -> Live:
        """Whether searches may be sent. Raises Unavailable when not."""
        return await self._call(calls.ready())

    async def health(self) -> Health:
        """Readiness with a few facts."""
        return await self._call(calls.health())

    async def info(self) -> Info:
        """Versions, encoder, index and bounds."""
        return await self._call(calls.info())

    async def metrics(self) -> str:
        """Every metric, as Prometheus text."""
        return await self._call(calls.metrics())

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, call: Call[T]) -> T:
        steps = self._exchanges.run(call)
        step = next(steps)
        try:
            while True:
                if isinstance(step, Send):
                    step = steps.send(await self._sent(call))
                else:
                    await asyncio.sleep(step.seconds)
                    step = steps.send(None)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _sent(self, call: Call[T]) -> Outcome:
        try:
            return await self._http.request(**request_arguments(call, self._trace))
        except httpx.RequestError as error:
            return error

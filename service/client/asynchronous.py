"""The client whose answers are awaited; `service.client.blocking` has the same methods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from service.client import calls, event_calls, paging, product_calls
from service.client.calls import BatchedSearch, Call, SearchOptions
from service.client.event_calls import Accepted, Event
from service.client.exchange import Exchanges, Outcome, Send, cut_off
from service.client.operation_results import Health, Indexes, Info, Live, Published
from service.client.options import Options, Trace, request_arguments
from service.client.product_calls import Change
from service.client.product_results import BulkStatus, ChangedProduct, OneProduct
from service.client.results import (
    BatchAnswer,
    EmbedAnswer,
    Hit,
    SearchAnswer,
    Side,
    SuggestAnswer,
)
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

    async def batch(
        self, searches: Sequence[BatchedSearch], timeout_ms: int | None = None
    ) -> BatchAnswer:
        """Several searches at once, of one index version; problems stand in their places."""
        return await self._call(calls.batch(searches, timeout_ms))

    async def embed(self, texts: Sequence[str], side: Side = "query") -> EmbedAnswer:
        """Vectors of texts, as queries or as items."""
        return await self._call(calls.embed(texts, side))

    async def suggest(self, q: str, limit: int | None = None) -> SuggestAnswer:
        """Completions of what has been typed so far."""
        return await self._call(calls.suggest(q, limit))

    async def product(self, name: str) -> OneProduct:
        """A product as it stands. Raises NotFound."""
        return await self._call(product_calls.product(name))

    async def put(self, product: Mapping[str, Any]) -> ChangedProduct:
        """Add a product, or replace the one with its `id`. Admin."""
        return await self._call(product_calls.put(product))

    async def patch(self, name: str, fields: Mapping[str, Any]) -> ChangedProduct:
        """Change fields of a product; None takes one away. Admin. Raises NotFound."""
        return await self._call(product_calls.patch(name, fields))

    async def delete(self, name: str) -> ChangedProduct:
        """Take a product away; `not_found` if there is none. Admin."""
        return await self._call(product_calls.delete(name))

    async def bulk(
        self,
        changes: Iterable[Change],
        *,
        lines: int = product_calls.LINES,
        size: int = product_calls.BYTES,
    ) -> AsyncIterator[BulkStatus]:
        """A status for each change, in their order, while they are carried out. Admin.

        Changes are taken in and sent in bodies of at most `lines` lines and `size` bytes.
        NoAnswer ends it when a connection is lost: changes without a status may be sent again.
        """
        for body in product_calls.bodies(changes, lines, size):
            statuses = product_calls.Statuses(body)
            response = await self._call(product_calls.bulk(body))
            async with aclosing(response):
                async for piece in self._pieces(response):
                    for status in statuses.of(piece):
                        yield status
            statuses.check()

    async def events(self, some: Sequence[Event]) -> Accepted:
        """Say what shoppers did with hits; all are taken or none. Never repeated once sent."""
        return await self._call(event_calls.events(some))

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
        request = self._http.build_request(**request_arguments(call, self._trace))
        try:
            response = await self._http.send(request, stream=call.streamed)
            if call.streamed and not response.is_success:
                await response.aread()
        except httpx.RequestError as error:
            return error
        return response

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for piece in response.aiter_bytes():
                yield piece
        except httpx.RequestError as error:
            raise cut_off(error) from error

"""The client that waits for its answers; `service.client.asynchronous` has the same methods."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
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


class Client:
    """A service at one address; keeps its connections open. For use from several threads.

    Every method raises ClientError, which `service.client.errors` draws as a tree.
    """

    def __init__(
        self, options: Options | str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.options = Options(options) if isinstance(options, str) else options
        self._http = httpx.Client(**self.options.httpx(), transport=transport)
        self._exchanges = Exchanges(self.options.retries, RetryBudget(self.options.retries))
        self._trace = Trace()

    def under(self, request_id: str = "", traceparent: str = "") -> Self:
        """The same client, its connections shared, whose calls bear these names."""
        other = copy(self)
        other._trace = Trace(request_id, traceparent)
        return other

    def search(self, q: str, **options: Unpack[SearchOptions]) -> SearchAnswer:
        """Products that answer `q`, best first, each with its relevance and tier."""
        return self._call(calls.search(q, options))

    def pages(
        self, q: str, *, window: int = paging.WINDOW, **options: Unpack[SearchOptions]
    ) -> Iterator[SearchAnswer]:
        """Page after page of `limit` hits, up to the service's bound; all of one index version.

        Raises IndexChanged when another version takes over meanwhile.
        """
        place: paging.Place | None = paging.first(options, window)
        while place is not None:
            answer = self.search(q, **place.options)
            place = place.after(answer)
            yield answer

    def hits(self, q: str, **options: Unpack[SearchOptions]) -> Iterator[Hit]:
        """Hit after hit, a page at a time."""
        for page in self.pages(q, **options):
            yield from page.hits

    def batch(
        self, searches: Sequence[BatchedSearch], timeout_ms: int | None = None
    ) -> BatchAnswer:
        """Several searches at once, of one index version; problems stand in their places."""
        return self._call(calls.batch(searches, timeout_ms))

    def embed(self, texts: Sequence[str], side: Side = "query") -> EmbedAnswer:
        """Vectors of texts, as queries or as items."""
        return self._call(calls.embed(texts, side))

    def suggest(self, q: str, limit: int | None = None) -> SuggestAnswer:
        """Completions of what has been typed so far."""
        return self._call(calls.suggest(q, limit))

    def product(self, name: str) -> OneProduct:
        """A product as it stands. Raises NotFound."""
        return self._call(product_calls.product(name))

    def put(self, product: Mapping[str, Any]) -> ChangedProduct:
        """Add a product, or replace the one with its `id`. Admin."""
        return self._call(product_calls.put(product))

    def patch(self, name: str, fields: Mapping[str, Any]) -> ChangedProduct:
        """Change fields of a product; None takes one away. Admin. Raises NotFound."""
        return self._call(product_calls.patch(name, fields))

    def delete(self, name: str) -> ChangedProduct:
        """Take a product away; `not_found` if there is none. Admin."""
        return self._call(product_calls.delete(name))

    def bulk(
        self,
        changes: Iterable[Change],
        *,
        lines: int = product_calls.LINES,
        size: int = product_calls.BYTES,
    ) -> Iterator[BulkStatus]:
        """A status for each change, in their order, while they are carried out. Admin.

        Changes are taken in and sent in bodies of at most `lines` lines and `size` bytes.
        NoAnswer ends it when a connection is lost: changes without a status may be sent again.
        """
        for body in product_calls.bodies(changes, lines, size):
            statuses = product_calls.Statuses(body)
            response = self._call(product_calls.bulk(body))
            with closing(response):
                for piece in self._pieces(response):
                    yield from statuses.of(piece)
            statuses.check()

    def events(self, some: Sequence[Event]) -> Accepted:
        """Say what shoppers did with hits; all are taken or none. Never repeated once sent."""
        return self._call(event_calls.events(some))

    def indexes(self) -> Indexes:
        """The versions of the index. Admin."""
        return self._call(calls.indexes())

    def publish(self, version: str) -> Published:
        """Serve a version and make it live. Admin. Raises Conflict when it must not serve."""
        return self._call(calls.publish(version))

    def rollback(self) -> Published:
        """Serve what was live before. Admin. Never repeated after it may have been done."""
        return self._call(calls.rollback())

    def live(self) -> Live:
        """Whether the process can answer at all."""
        return self._call(calls.live())

    def ready(self) -> Live:
        """Whether searches may be sent. Raises Unavailable when not."""
        return self._call(calls.ready())

    def health(self) -> Health:
        """Readiness with a few facts."""
        return self._call(calls.health())

    def info(self) -> Info:
        """Versions, encoder, index and bounds."""
        return self._call(calls.info())

    def metrics(self) -> str:
        """Every metric, as Prometheus text."""
        return self._call(calls.metrics())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, call: Call[T]) -> T:
        steps = self._exchanges.run(call)
        step = next(steps)
        try:
            while True:
                if isinstance(step, Send):
                    step = steps.send(self._sent(call))
                else:
                    time.sleep(step.seconds)
                    step = steps.send(None)
        except StopIteration as done:
            result: T = done.value
            return result

    def _sent(self, call: Call[T]) -> Outcome:
        request = self._http.build_request(**request_arguments(call, self._trace))
        try:
            response = self._http.send(request, stream=call.streamed)
            if call.streamed and not response.is_success:
                response.read()
        except httpx.RequestError as error:
            return error
        return response

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_bytes()
        except httpx.RequestError as error:
            raise cut_off(error) from error

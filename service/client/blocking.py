"""The client that waits for its answers; `service.client.asynchronous` has the same methods."""

from __future__ import annotations

import time
from collections.abc import Iterator
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

    def suggest(self, q: str, limit: int | None = None) -> SuggestAnswer:
        """Completions of what has been typed so far."""
        return self._call(calls.suggest(q, limit))

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
        try:
            return self._http.request(**request_arguments(call, self._trace))
        except httpx.RequestError as error:
            return error

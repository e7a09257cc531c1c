"""Live updates of the index that serves: written in a thread, seen by the very next search.

One writer at a time: a thread here, a lock on the journal between processes. What other workers
wrote is taken in every `GRADUS_UPDATES__WATCH_SECONDS`. Searches never wait for any of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from catalog.errors import NotReady, Overloaded, ServingError
from index.live.updates import Update, UpdateStatus
from service import logs, metrics
from service.live import LiveIndex
from service.problems import Problem, RequestError
from service.settings import UpdateSettings

_PAUSE_AFTER_A_FAULT = 5.0


class Applied(NamedTuple):
    """What became of some updates, and the state of the index that first holds them."""

    statuses: list[UpdateStatus]
    version: str
    sequence: int


class Updates:
    """Takes updates for the generation that serves. All methods belong to the event loop."""

    def __init__(self, settings: UpdateSettings, live: LiveIndex) -> None:
        self._settings, self._live = settings, live
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="updates")
        self._taken_on = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among the requests that write. Raises Overloaded when there is none left."""
        if self._taken_on >= self._settings.waiting:
            metrics.SHED.labels("queue_full").inc()
            raise Overloaded("this worker has all the updates it can take", hint="Try again.")
        self._taken_on += 1
        try:
            yield
        finally:
            self._taken_on -= 1

    async def apply(self, updates: Sequence[Update]) -> Applied:
        """Apply updates in order; they are on disk, and searches see them, when this returns.

        Raises:
            RequestError: 409, the service was started on one version, not on a root.
            ServingError: the journal cannot be written; nothing was changed.
            NotReady: no index is open, or another version is taking over; nothing was changed.

        """
        if self._live.root is None:
            detail = "A version served by its path takes no updates; start the service on the root."
            raise RequestError(Problem(409, "no_versions", detail))
        try:
            applied = await self._applied_or_followed(updates)
        except ServingError as error:
            # Where the journal lies is no client's business.
            logs.service.warning("an update was refused", extra={"fields": {"error": str(error)}})
            raise type(error)(error.what, hint=error.hint) from error
        for status in applied.statuses:
            metrics.UPDATES.labels(status.outcome).inc()
        return applied

    async def watch(self) -> None:
        """Take in what other processes write, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.watch_seconds)
            try:
                await self._follow()
            except Exception as error:  # what is not followed now is tried again
                fields = {"error": str(error)}
                logs.service.error("live updates cannot be followed", extra={"fields": fields})
                await asyncio.sleep(_PAUSE_AFTER_A_FAULT)

    def close(self) -> None:
        """Take no more; what is being written is finished."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _applied_or_followed(self, updates: Sequence[Update]) -> Applied:
        try:
            return await self._applied(updates)
        except NotReady:
            # Another version was published, and this worker has not followed yet.
            await self._live.follow()
            return await self._applied(updates)

    async def _applied(self, updates: Sequence[Update]) -> Applied:
        # Once begun it is done to the end, and then seen: a client that goes away changes nothing.
        return await asyncio.shield(self._written(updates))

    async def _written(self, updates: Sequence[Update]) -> Applied:
        generation = self._live.generation.acquire()
        try:
            loop = asyncio.get_running_loop()
            statuses = await loop.run_in_executor(self._thread, generation.write, updates)
            generation.renew()
            return Applied(statuses, generation.version, generation.sequence)
        finally:
            generation.release()

    async def _follow(self) -> None:
        generation = self._live.generation
        if not generation.behind():
            return
        generation.acquire()
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, generation.refresh)
            generation.renew()
        finally:
            generation.release()

"""The index being served, and how another takes over without a search being lost or mixed.

open → verify → warm up → swap one reference → drain → drop. A search holds one generation from its
first step to its last, so every answer is of one version. Whatever fails on the way leaves the old
version serving. Several workers each watch `current` for themselves.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from catalog.errors import NotReady, ServingError
from index.drift import Drift, drift_from_live
from index.engine import Engine
from index.request import SearchRequest
from index.versions import live, publish, resolve
from service import logs, metrics
from service.generation import Generation
from service.opener import Opener
from service.settings import Settings

_RETRY_SECONDS = 30.0
_LATER_SECONDS = 1.0


class LiveIndex:
    """Holds the generation that serves. All methods belong to the event loop."""

    def __init__(self, settings: Settings, opener: Opener) -> None:
        self._settings, self._opener = settings, opener
        self._generation: Generation | None = None
        self._swapping = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index-opener")
        self._recorded: deque[SearchRequest] = deque(maxlen=settings.reload.warm_up)

    @property
    def generation(self) -> Generation:
        """What serves now. Raises NotReady before start-up is done and after shutdown began."""
        if self._generation is None:
            raise NotReady("no index is open yet", hint="Try again in a moment.")
        return self._generation

    @property
    def root(self) -> Path | None:
        """The root whose `current` says what is live; None when serving a version by its path."""
        return self._opener.root

    def record(self, request: SearchRequest) -> None:
        """Remember a search to warm the next version up with."""
        self._recorded.append(request)

    def start(self, generation: Generation) -> None:
        """Serve the first index."""
        self._take_over(generation)
        _freeze()

    async def stop(self) -> None:
        """Serve nothing any more."""
        before, self._generation = self._generation, None
        if before is not None:
            before.retire()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def publish(self, version: Path) -> Drift | None:
        """Serve another version of the root and make it the live one, once it has proved itself.

        Returns what differs from the version that was live, None where that is the same one.
        Raises BundleError or its like, and changes nothing, when it must not serve; ServingError
        when the root cannot be written.
        """
        async with self._swapping:
            generation = await self._open(version)
            drift = await self._drift(generation)
            self._point(generation)
            await self._settled(generation)
            self._take_over(generation)
            return drift

    async def watch(self) -> None:
        """Follow `current` until cancelled."""
        pause, refused = self._settings.reload.watch_seconds, ""
        retry_at = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(pause)
            name = live(self._settings.index)
            if name is None or self._generation is None or name == self._generation.version:
                refused = ""
                continue
            if name == refused and clock() < retry_at:
                continue
            try:
                await self.follow()
                refused = ""
            except Exception:  # whatever it was, it is logged, and the next version may be better
                refused, retry_at = name, clock() + _RETRY_SECONDS

    async def follow(self) -> None:
        """Serve what `current` names, if it is another version. Raises as `publish` does."""
        async with self._swapping:
            version = resolve(self._settings.index)
            if self._generation is None or version.name == self._generation.version:
                return  # an admin call was quicker
            generation = await self._open(version)
            await self._settled(generation)
            self._take_over(generation)

    def _point(self, generation: Generation) -> None:
        """Make a generation's version the live one; let go of it if that cannot be done."""
        root = self._settings.index
        try:
            publish(root, generation.version)
        except Exception as error:
            generation.retire()
            self._refused(generation.version, error)
            if not isinstance(error, OSError):
                raise
            raise ServingError(
                f"the link to the live version cannot be written: {error.strerror or error}",
                where=root,
                hint="Let the service write there, or publish with `gradus index publish`.",
            ) from error

    async def _drift(self, generation: Generation) -> Drift | None:
        work = partial(drift_from_live, self._settings.index, generation.version)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except Exception as error:
            generation.retire()
            self._refused(generation.version, error)
            raise

    async def _settled(self, generation: Generation) -> None:
        """Close the journals of other versions, now that this one is live."""
        work = partial(self._opener.catch_up, generation, final=True)
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except Exception as error:
            generation.retire()
            self._refused(generation.version, error)
            raise

    async def _open(self, version: Path) -> Generation:
        loop = asyncio.get_running_loop()
        recorded = [*self._recorded]
        try:
            return await loop.run_in_executor(self._thread, self._opener.open, version, recorded)
        except Exception as error:
            self._refused(version.name, error)
            raise

    def _refused(self, version: str, error: Exception) -> None:
        metrics.SWAPS.labels("refused").inc()
        fields = {"version": version, "error": str(error)}
        logs.service.error("a version of the index was refused", extra={"fields": fields})

    def _take_over(self, generation: Generation) -> None:
        before, self._generation = self._generation, generation
        _announce(generation, 1)
        if before is None:
            return
        if before.version != generation.version:
            _announce(before, 0)
        metrics.SWAPS.labels("served").inc()
        fields = {"version": generation.version, "before": before.version}
        logs.service.info("another version of the index serves", extra={"fields": fields})
        engine = weakref.ref(before.engine)
        before.retire()
        del before
        self._thread.submit(_give_back)
        self._look_again(engine)

    def _look_again(self, engine: weakref.ref[Engine]) -> None:
        """Give back what searches still held when it was retired, once they have ended."""

        def late() -> None:
            if engine() is not None:
                with suppress(RuntimeError):  # the service has ended
                    self._thread.submit(_give_back)

        wait = self._settings.limits.timeout_ms / 1e3 + _LATER_SECONDS
        asyncio.get_running_loop().call_later(wait, late)


def _freeze() -> None:
    """Collect, and leave what lives on to itself.

    The collector would look through a whole index, a fifth of a second of nothing else, whenever
    enough that is new has gathered.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _give_back() -> None:
    """Free what only cycles still hold of an index that was let go, and return the pages.

    Without the second step memory stays a sixth above where it was (30 swaps of a small index).
    """
    _freeze()
    with suppress(AttributeError, OSError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)


def _announce(generation: Generation, value: int) -> None:
    bundle = generation.engine.bundle
    metrics.INDEX_INFO.labels(
        bundle.version, bundle.encoder_fingerprint, generation.engine.calibration.name
    ).set(value)
    if value:
        generation.announce()

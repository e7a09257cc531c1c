"""Which searches are taken on: tried, never awaited. What is refused costs next to nothing.

A worker takes on `burst` searches at once, so that a few dozen shoppers who arrive together are all
served. Once searches have queued for longer than `PATIENCE` without a pause, no more are let in
than can be answered within `queue_seconds`: a queue that stands makes every answer late and
none more (the idea of CoDel, Nichols and Jacobson, ACM Queue 2012). A moment's pause does not end
that: a crowd is let in again once the worker has had time to spare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import exp, inf
from time import perf_counter

from catalog.errors import Overloaded
from service import metrics
from service.afterwards import later

PATIENCE = 0.1  # seconds
SPARE = 0.1  # of the time: a worker that is idle so much is not overloaded
_WINDOW = 0.25  # seconds over which idleness fades from memory
# Shorter than this, an empty worker is between two looks at its sockets, not idle.
_IDLE = 0.002
_FEWEST = 2  # searches that may always be there: the next one, while one is answered
# Operators' routes, and those that queue for a thread of their own.
_OWN_BOUNDS = ("/v1/indexes", "/v1/products", "/v1/events")
_REFUSED = metrics.SHED.labels("queue_full")
_SAMPLE = 32  # answers after which the time an answer takes is estimated anew


class Admission:
    """Counts what one worker has taken on. For the event loop's thread."""

    def __init__(self, burst: int, queue_seconds: float) -> None:
        self._burst, self._queue_seconds = burst, queue_seconds
        self._pending = 0
        self._offered = 0  # since the worker was last empty
        self._answered = 0  # since `_since`
        self._since = 0.0
        self._ended = self._calm = self._noted = float("-inf")
        self._idle = 1.0  # share of the last moments in which nothing was pending
        self._seconds_each = 0.001
        metrics.QUEUE_DEPTH.set(0)

    @property
    def standing(self) -> int:
        """Searches that are let in while a queue stands."""
        return max(_FEWEST, round(self._queue_seconds / self._seconds_each))

    @property
    def pending(self) -> int:
        """Searches taken on and not yet answered."""
        return self._pending

    def enter(self, now: float | None = None) -> bool:
        """Take a search on, or refuse it. Every entry ends in one call of `leave`."""
        now = perf_counter() if now is None else now
        if self._pending == 0:
            if self._rested(now):
                self._calm_down(now)
                self._offered = 0
            self._since, self._answered = now, 0
        if self.turns_away(now):
            return False
        self._offered += 1
        self._pending += 1
        later.once(self._note)
        return True

    def turns_away(self, now: float | None = None) -> bool:
        """Refuse a search whose body is still to come, if `enter` would refuse it now."""
        if not self.is_full(now):
            return False
        self._offered += 1
        _REFUSED.inc()
        return True

    @contextmanager
    def many(self, count: int) -> Iterator[Callable[[], None]]:
        """Take a request on that turns out to be the work of `count` searches, not of one.

        A worker with nothing else to do takes any number. Yields what to call after each of them.
        Raises Overloaded.
        """
        left = count - 1  # one was taken on with the request, and ends with it
        if self._pending > 1 and self._pending + left > self._limit(perf_counter()):
            _REFUSED.inc()
            raise Overloaded("this worker cannot take on so much now")
        self._pending += left
        later.once(self._note)

        def done() -> None:
            nonlocal left
            if left:
                left -= 1
                self.leave()

        try:
            yield done
        finally:
            while left:
                done()

    def is_full(self, now: float | None = None) -> bool:
        """Whether a search that comes now is refused."""
        return self._pending >= self._limit(perf_counter() if now is None else now)

    def leave(self, now: float | None = None) -> None:
        """A search that was taken on has its answer, or will never have one."""
        now = perf_counter() if now is None else now
        self._pending -= 1
        self._answered += 1
        later.once(self._note)
        if self._pending == 0 or self._answered >= _SAMPLE:
            sample = (now - self._since) / self._answered
            self._seconds_each += 0.1 * (sample - self._seconds_each)
            self._since, self._answered = now, 0
        if self._pending == 0:
            self._ended = now
            if self._offered <= self.standing:
                self._calm_down(now)
            self._offered = 0

    def _note(self) -> None:
        metrics.QUEUE_DEPTH.set(self._pending)

    def _rested(self, now: float) -> bool:
        """Whether nothing was pending for a while before `now`; keeps account of it."""
        gap, passed = now - self._ended, now - self._noted
        rested = gap > _IDLE
        if passed > 0.0:
            share = min(1.0, gap / passed) if rested and passed < inf else float(rested)
            self._idle += (1.0 - exp(-passed / _WINDOW)) * (share - self._idle)
            self._noted = now
        return rested

    def _calm_down(self, now: float) -> None:
        if self._idle >= SPARE:
            self._calm = now

    def _limit(self, now: float) -> int:
        return self._burst if now - self._calm < PATIENCE else min(self.standing, self._burst)


def is_work(path: str) -> bool:
    """Whether a path is subject to admission: the shop's routes, not the operator's."""
    return path.startswith("/v1/") and not path.startswith(_OWN_BOUNDS)

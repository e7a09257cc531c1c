"""Counting that no answer waits for: done in blocks, while its code and numbers are in the caches.

Between two searches the caches of a core are full of vectors, and a few dozen counters take three
times as long to move as they do one after another. So what is to be counted is noted, and counted
once a block of it has come together, a moment has passed, or somebody asks for the metrics.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from service import logs

BLOCK = 32
SECONDS = 0.2

Work = Callable[..., object]


class Afterwards:
    """Work put off. Any thread may add to it; the event loop's sees that it is done."""

    def __init__(self) -> None:
        self._work: deque[tuple[Work, tuple[Any, ...]]] = deque()
        self._once: dict[Work, None] = {}
        self._armed: asyncio.AbstractEventLoop | None = None
        self._called = False  # for a block that is whole

    def add(self, work: Work, *arguments: Any) -> None:
        """Do it soon, if `__call__` or `once` follow; at the latest when the metrics are read."""
        self._work.append((work, arguments))

    def __call__(self, work: Work, *arguments: Any) -> None:
        """Do it soon; at once where no event loop runs."""
        self._work.append((work, arguments))
        self._arm()
        if len(self._work) >= BLOCK and self._armed is not None and not self._called:
            self._called = True
            self._armed.call_soon(self.catch_up)  # behind the answer that is under way

    def once(self, work: Work) -> None:
        """Do it soon, and once however often it is asked for until then."""
        self._once[work] = None
        self._arm()

    def catch_up(self) -> None:
        """Do all of it now. What fails is logged."""
        self._called = False
        while self._work:
            try:
                work, arguments = self._work.popleft()
            except IndexError:  # another thread was quicker
                break
            _do(work, *arguments)
        once, self._once = self._once, {}
        for work in once:
            _do(work)

    def _arm(self) -> None:
        if self._armed is None or self._armed.is_closed():
            self._called = False  # with a loop that ended before it came to it
            try:
                self._armed = asyncio.get_running_loop()
            except RuntimeError:
                self.catch_up()
            else:
                self._armed.call_later(SECONDS, self._fire)

    def _fire(self) -> None:
        self._armed = None
        self.catch_up()


def _do(work: Work, *arguments: Any) -> None:
    try:
        work(*arguments)
    except Exception:
        logs.service.exception("something could not be counted")


later = Afterwards()

"""How far a long piece of work is, said now and then."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """Says how many of `total` are done and how many seconds are left, at most every `every` s.

    Work that is over sooner than that is not talked about; neither is its end.
    """

    def __init__(
        self,
        what: str,
        total: int,
        say: Callable[[str], None],
        *,
        every: float = 10.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._say = what, total, say
        self._every, self._now = every, now
        self._began = self._said = now()

    def reached(self, done: int) -> None:
        """`done` of all are done now."""
        at = self._now()
        if at - self._said < self._every or not 0 < done < self._total:
            return
        self._said = at
        left = (at - self._began) / done * (self._total - done)
        self._say(f"  {done:,} of {self._total:,} {self._what}  {left:.0f} s to go")

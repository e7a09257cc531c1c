"""A circuit breaker: after several failures in a row nothing is tried until a repair has worked.

closed --(`limit` failures in a row, or `trip`)--> open --(`mended`)--> closed

There is no half-open state: a repair is checked on texts of our own, never on a shopper's search.
"""

from __future__ import annotations


class Breaker:
    """Counts failures in a row; `mended` may come from another thread."""

    def __init__(self, limit: int = 3) -> None:
        self._limit = limit
        self._failures = 0
        self.open = False

    def success(self) -> None:
        """A call that gave what it should: the count starts again."""
        self._failures = 0

    def failure(self) -> bool:
        """A call that did not; True when this one opened the breaker."""
        self._failures += 1
        return self._failures >= self._limit and self.trip()

    def trip(self) -> bool:
        """Open at once; True unless it was open already."""
        was, self.open = self.open, True
        return not was

    def mended(self) -> None:
        """The repair has worked."""
        self.open, self._failures = False, 0

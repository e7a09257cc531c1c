"""How much each key may ask for: token buckets in memory that all workers share.

A bucket holds `burst` tokens and gains `per_second`. A request is let in while there is a token and
then takes as many as it has searches: a large batch is owed for, not refused.

Kept as one number a bucket, the time at which it will be full again (GCRA, ITU-T I.371). Workers
write it without a lock: two that do at the same microsecond may let one request more through.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import NamedTuple

_BYTES = 8


class Rate(NamedTuple):
    """Tokens a second, 0 for no limit, and how many a full bucket holds."""

    per_second: float
    burst: int


class Buckets:
    """One bucket for each rate. The clock is the machine's, the same in every process."""

    def __init__(self, rates: Sequence[Rate], shared: Path | None = None) -> None:
        """`shared`: a file for the buckets of several workers; without one they are this one's."""
        self._rates = tuple(rates)
        size = _BYTES * max(1, len(self._rates))
        self._full_at = memoryview(_memory(size, shared)).cast("d")

    def take(self, bucket: int, tokens: int = 1, now: float | None = None) -> float:
        """Seconds until there is a token, 0 when there is one: then `tokens` are taken."""
        rate = self._rates[bucket]
        if rate.per_second == 0.0:
            return 0.0
        now = monotonic() if now is None else now
        full_at = max(self._full_at[bucket], now)
        wait = full_at - now - (rate.burst - 1) / rate.per_second
        if wait > 1e-9:
            return wait
        self._full_at[bucket] = full_at + tokens / rate.per_second
        return 0.0

    def owe(self, bucket: int, tokens: int) -> None:
        """Take tokens for a request that is let in already."""
        rate = self._rates[bucket]
        if rate.per_second and tokens:
            self._full_at[bucket] = max(self._full_at[bucket], monotonic()) + (
                tokens / rate.per_second
            )


def _memory(size: int, shared: Path | None) -> mmap.mmap:
    if shared is None:
        return mmap.mmap(-1, size)
    # Made by whichever worker comes first; a worker that is replaced finds the buckets as they are.
    descriptor = os.open(shared, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(descriptor, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)

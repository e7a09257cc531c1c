"""A second index answers a share of the live searches, for comparison only.

It runs in a thread of its own; what it cannot keep up with is left out. A new encoder or
calibration meets real shoppers this way before it serves them.
"""

from __future__ import annotations

import random
import threading
from queue import Full, Queue
from time import perf_counter

from index.engine import Engine
from index.request import SearchRequest, SearchResult
from service import logs, metrics
from service.opener import Opener
from service.settings import Settings

_DEPTH = 10
_WAITING = 16


class Shadow:
    """Compares with an open engine; `close` ends its thread."""

    def __init__(self, engine: Engine, share: float, rng: random.Random | None = None) -> None:
        """`share` of the searches in [0, 1]."""
        self._engine, self._share = engine, share
        self._rng = rng or random.Random()
        self._waiting: Queue[tuple[SearchRequest, SearchResult] | None] = Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    def offer(self, request: SearchRequest, live: SearchResult) -> None:
        """Take a search up, or not, by chance and by room."""
        if request.offset == 0 and not live.degraded and self._rng.random() < self._share:
            try:
                self._waiting.put_nowait((request, live))
            except Full:
                metrics.SHED.labels("shadow_full").inc()

    def close(self) -> None:
        """End once what waits is compared."""
        self._waiting.put(None)
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while (pair := self._waiting.get()) is not None:
            try:
                self._compare(*pair)
            except Exception as error:  # a fault of one search must not end the comparison
                fields = {"error": str(error)}
                logs.service.warning("the shadow index cannot answer", extra={"fields": fields})

    def _compare(self, request: SearchRequest, live: SearchResult) -> None:
        began = perf_counter()
        other = self._engine.search(request)
        metrics.SHADOW_SECONDS.observe(perf_counter() - began)
        metrics.SHADOW_OVERLAP.observe(overlap(live, other))
        metrics.SHADOW_TIERS.labels(best_tier(live), best_tier(other)).inc()


def open_shadow(settings: Settings) -> Shadow | None:
    """The comparison that the settings ask for. Raises BundleError when its index cannot open."""
    wanted = settings.shadow
    if wanted.index is None or wanted.share == 0.0:
        return None
    return Shadow(Opener.of(settings).engine(wanted.index, verify=settings.verify), wanted.share)


def overlap(live: SearchResult, other: SearchResult) -> float:
    """Share of the first ten hits of `live` that are among the first ten of `other`; 1 of none."""
    wanted = {hit.id for hit in live.hits[:_DEPTH]}
    found = {hit.id for hit in other.hits[:_DEPTH]}
    return len(wanted & found) / len(wanted) if wanted else float(not found)


def best_tier(result: SearchResult) -> str:
    """Tier of the first hit, `none` without one."""
    return result.hits[0].tier if result.hits else "none"

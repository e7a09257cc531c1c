"""Times of the stages of one request."""

from __future__ import annotations

from time import perf_counter


class Stopwatch:
    """Starts when made; each lap names the time since the one before."""

    def __init__(self) -> None:
        self._start = self._last = perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """Book the time since the last lap under `stage`; a stage met twice adds up."""
        now = perf_counter()
        self._laps[stage] = self._laps.get(stage, 0.0) + (now - self._last)
        self._last = now

    def milliseconds(self) -> dict[str, float]:
        """Milliseconds by stage, and `total` since the start."""
        laps = {stage: round(seconds * 1e3, 4) for stage, seconds in self._laps.items()}
        return {"total": round((perf_counter() - self._start) * 1e3, 4), **laps}

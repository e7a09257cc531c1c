"""Times of the stages of one request."""

from __future__ import annotations

from time import perf_counter


class Stopwatch:
    """Starts when made, or at `began` (`perf_counter`); a lap names the time since the last one."""

    def __init__(self, began: float | None = None) -> None:
        self._start = self._last = perf_counter() if began is None else began
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

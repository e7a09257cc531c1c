"""The slow-query log: a line for each search, or batch of them, over `GRADUS_LOG__SLOW_MS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from catalog.errors import DeadlineExceeded
from index.stopwatch import Stopwatch
from service import logs
from service.state import settings_of


def note(
    request: Request, what: str, fields: Mapping[str, Any], timing_ms: Mapping[str, float]
) -> None:
    """Write the line if `timing_ms` is over the bound; it begins with `what` was slow."""
    bound = settings_of(request.app).log.slow_ms
    if 0 < bound < timing_ms["total"]:
        line = {"request_id": request.state.request_id, **fields, "timing_ms": timing_ms}
        logs.service.warning("%s was slow", what, extra={"fields": line})


def note_late(
    request: Request, what: str, fields: Mapping[str, Any], watch: Stopwatch, late: DeadlineExceeded
) -> None:
    """The same of what ran out of time, with the stages that it got through."""
    why = {"code": late.code, "detail": late.what}
    note(request, what, {**fields, **why}, watch.milliseconds())

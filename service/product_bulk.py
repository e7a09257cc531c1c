"""Many products in one request: a line each, applied by the batch, answered as the work goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import islice
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from catalog.errors import GradusError
from index.filtering.columns import Columns
from index.live.updates import UpdateStatus
from service import product_lines
from service.problems import Fault, Problem, RequestError, from_gradus
from service.product_lines import Line
from service.state import settings_of
from service.updates import Updates

NDJSON = "application/x-ndjson"
LINE_TYPES = frozenset({NDJSON, "application/ndjson", "application/jsonl"})
_BATCH = 64  # lines applied at once: none of them is acknowledged before all are on disk


async def many(request: Request, updates: Updates, columns: Columns) -> Response:
    """Apply the lines of a body and answer each. Raises RequestError, Overloaded, ServingError."""
    place = updates.place()
    place.__enter__()
    try:
        body = await request.body()
        settings = settings_of(request.app)
        most, longest = settings.updates.bulk_lines, settings.limits.body_bytes
        count = body.count(b"\n") + (not body.endswith(b"\n"))
        if count > most:
            detail = f"The body has {count} lines; at most {most} are taken. Send it in parts."
            raise RequestError(Problem(413, "body_too_large", detail))
        lines = product_lines.read_lines(body, columns, longest)
        # What can be refused as a whole is refused before the answer begins.
        first = await _applied(updates, list(islice(lines, _BATCH)))
    except BaseException:
        place.__exit__(None, None, None)
        raise

    async def statuses() -> AsyncIterator[bytes]:
        try:
            yield first
            while batch := list(islice(lines, _BATCH)):
                yield await _applied_or_failed(updates, batch)
        finally:
            place.__exit__(None, None, None)

    return StreamingResponse(statuses(), media_type=NDJSON, headers={"Cache-Control": "no-store"})


async def _applied(updates: Updates, lines: Sequence[Line]) -> bytes:
    asked = [line.update for line in lines if line.update is not None]
    applied = await updates.apply(asked) if asked else None
    found = iter(applied.statuses if applied else ())
    sequence = applied.sequence if applied else None
    return b"".join(
        _line(line, "invalid", line.faults)
        if line.update is None
        else _status_line(line, next(found), sequence)
        for line in lines
    )


async def _applied_or_failed(updates: Updates, lines: Sequence[Line]) -> bytes:
    """Once the answer has begun, a failure is said line by line: nothing of them was changed."""
    try:
        return await _applied(updates, lines)
    except (GradusError, RequestError) as error:
        problem = error.problem if isinstance(error, RequestError) else from_gradus(error)
        fault = Fault("#", f"{problem.code}: {problem.detail}")
        return b"".join(_line(line, "failed", line.faults or (fault,)) for line in lines)


def _status_line(line: Line, status: UpdateStatus, sequence: int | None) -> bytes:
    faults = (Fault("#", status.error),) if status.error else ()
    return _line(line, status.outcome, faults, sequence)


def _line(line: Line, outcome: str, faults: Sequence[Fault], sequence: int | None = None) -> bytes:
    body: dict[str, Any] = {"line": line.number, "id": line.id, "outcome": outcome}
    if sequence is not None:
        body["sequence"] = sequence
    if faults:
        body["errors"] = [fault._asdict() for fault in faults]
    return orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)

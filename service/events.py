"""`POST /v1/events`, and what is noted of each search: files that `gradus audit` reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from catalog.errors import Overloaded, ServingError
from catalog.split import query_hash
from index.request import SearchRequest, SearchResult
from service import logs, metrics, product_lines
from service.address import refuse_query_string
from service.direct import DirectRoute
from service.event_log import EventLog, probe
from service.event_schemas import Accepted, Event
from service.keys import require_search
from service.openapi import problems
from service.parameters import faults_of, require_json
from service.problems import Fault, Problem, RequestError
from service.product_bulk import LINE_TYPES
from service.search import Json
from service.settings import Settings, SettingsError

PATH = "/v1/events"
_OFF = Problem(404, "events_off", "Events are not kept here: GRADUS_EVENTS__PATH is not set.")
_EXAMPLE = {
    "action_name": "click",
    "query_id": "01JCZ4N6W3M8Q0V5T7X9Y1A2BC",
    "client_id": "device-7",
    "event_attributes": {"object": {"object_id": "sku-1"}, "position": {"ordinal": 3}},
}
router = APIRouter(tags=["events"], route_class=DirectRoute)


@dataclass(frozen=True)
class Recorder:
    """Notes searches and events. `text` says what of a query is kept: `on`, `off`, `hash`."""

    log: EventLog
    text: str
    most: int  # events a request

    def searched(self, query_id: str, request: SearchRequest, result: SearchResult) -> None:
        """Note a search with what it showed; left out, and counted, when there is no room."""
        attributes: dict[str, Any] = {
            "offset": request.offset,
            "index": result.index.version,
            "calibration": result.index.calibration,
            "no_confident_match": result.no_confident_match,
        }
        record: dict[str, Any] = {
            "application": "gradus",
            "query_id": query_id,
            "timestamp": _now(),
            "object_id_field": "id",
            "query_response_hit_ids": [hit.id for hit in result.hits],
            "query_attributes": attributes,
        }
        if self.text == "on":
            record["user_query"] = request.q
        elif self.text == "hash":
            attributes["query_hash"] = query_hash(request.q)
        self.log.put("queries", [orjson.dumps(record)])

    def take(self, events: list[Event]) -> None:
        """Take events on, all or none. Raises Overloaded, or ServingError while the disk fails."""
        now = _now()
        # What a shopper typed is kept as the setting wants it, whoever sends it.
        left_out = None if self.text == "on" else {"user_query"}
        records = [
            orjson.dumps(
                {"timestamp": now, **event.model_dump(exclude_none=True, exclude=left_out)}
            )
            for event in events
        ]
        if not self.log.put("events", records):
            if self.log.failing:
                raise ServingError("events cannot be written at the moment", hint="Keep them.")
            raise Overloaded("more events are waiting than fit", hint="Send them again.")
        for event in events:
            metrics.EVENTS.labels(event.action_name).inc()

    def close(self) -> None:
        """Write and sync what waits."""
        self.log.close()


def check_place(settings: Settings) -> None:
    """Raises SettingsError when events are to be kept where nothing can be written."""
    if settings.events.path is None:
        return
    try:
        probe(settings.events.path)
    except OSError as error:
        raise SettingsError(
            f"no events can be written there: {error.strerror}",
            where="GRADUS_EVENTS__PATH",
            found=str(settings.events.path),
            hint="Name a directory that the service may write to.",
        ) from error


def open_recorder(settings: Settings) -> Recorder | None:
    """What the settings ask for, None without a path.

    Raises SettingsError when nothing can be written there.
    """
    wanted = settings.events
    check_place(settings)
    if wanted.path is None:
        return None
    log = EventLog(wanted.path, wanted.file_bytes, wanted.queue, wanted.sync_seconds)
    log.start()
    if settings.log.query != "on":
        logs.service.warning(
            "searches are noted without their text, so `gradus audit` cannot use them: "
            "GRADUS_LOG__QUERY=on keeps it",
            extra={"fields": {"log_query": settings.log.query}},
        )
    return Recorder(log, settings.log.query, wanted.batch)


@router.post(
    PATH,
    summary="Say what shoppers did with what a search showed",
    status_code=202,
    response_class=Json,
    responses={
        202: {"model": Accepted},
        **problems(401, 404, 405, 413, 415, 422, 429, 503, path=PATH),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": ["object", "array"], "items": {"type": "object"}},
                    "examples": {
                        "one": {"value": _EXAMPLE},
                        "several": {"value": [_EXAMPLE, _EXAMPLE | {"action_name": "purchase"}]},
                    },
                },
                "application/x-ndjson": {
                    "schema": {"type": "string"},
                    "example": orjson.dumps(_EXAMPLE).decode() + "\n",
                },
            },
        }
    },
)
async def events(request: Request) -> Response:
    """Events with the fields of UBI: one, a list, or one a line. All are taken or none."""
    require_search(request)
    refuse_query_string(request)
    recorder: Recorder | None = request.app.state.events
    if recorder is None:
        raise RequestError(_OFF)
    found = _read(request, await request.body(), recorder.most)
    recorder.take(found)
    request.state.log = {"events": len(found)}
    body = {"request_id": request.state.request_id, "accepted": len(found)}
    return Json(orjson.dumps(body), status_code=202, headers={"Cache-Control": "no-store"})


def _read(request: Request, body: bytes, most: int) -> list[Event]:
    """The events of a body, all of them right. Raises RequestError (413, 415, 422)."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in LINE_TYPES:
        lines = [(n, line) for n, line in enumerate(body.split(b"\n")) if line.strip()]
        _bound(len(lines), most)
        return _checked((number, _json(line, number)) for number, line in lines)
    require_json(request.headers)
    value = product_lines.read_json(body)
    if isinstance(value, list):
        _bound(len(value), most)
        return _checked(enumerate(value))
    return _checked([(None, value)])


def _bound(count: int, most: int) -> None:
    if count > most:
        detail = f"These are {count} events; at most {most} are taken at once."
        raise RequestError(Problem(413, "body_too_large", detail))


def _json(line: bytes, number: int) -> Any:
    try:
        return product_lines.read_json(line)
    except RequestError as error:
        message = error.problem.faults[0].message
        raise RequestError.broken_json([Fault(f"#/{number}", message)]) from error


def _checked(values: Iterable[tuple[int | None, Any]]) -> list[Event]:
    """Pointers begin with the place in the list, or the line, from 0."""
    good: list[Event] = []
    faults: list[Fault] = []
    for number, value in values:
        try:
            good.append(Event.model_validate(value))
        except ValidationError as error:
            faults += faults_of(error, Event, () if number is None else (number,))
    if faults:
        raise RequestError.invalid(faults[:20])
    return good


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

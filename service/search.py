"""`GET` and `POST /v1/search`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from catalog.errors import DeadlineExceeded
from catalog.split import query_hash
from index.request import SearchRequest, SearchResult
from index.stopwatch import Stopwatch
from service import answering, answers, caching, parameters, slow
from service.address import refuse_query_string
from service.arrival import Deadline
from service.direct import DirectRoute
from service.keys import require_search
from service.openapi import problems
from service.schemas import SearchAnswer
from service.state import live_index, settings_of

PATH = "/v1/search"
_WHAT = "a search"
router = APIRouter(tags=["search"], route_class=DirectRoute)


class Json(JSONResponse):
    """Bytes that are JSON already."""

    def render(self, content: bytes) -> bytes:
        """The bytes themselves."""
        return content


@router.get(
    PATH,
    summary="Search the shop",
    response_class=Json,
    responses={200: {"model": SearchAnswer}, **problems(405, 422, 429, 503, 504, path=PATH)},
    openapi_extra={"parameters": parameters.openapi_parameters()},
)
async def search(request: Request) -> Response:
    """Products that answer the query, best first, each with its relevance and its tier."""
    require_search(request)
    asked = parameters.from_query_string(request.scope["query_string"])
    return await _search(request, asked, may_keep=asked.use_cache)


@router.post(
    PATH,
    summary="Search the shop, parameters as JSON",
    response_class=Json,
    responses={
        200: {"model": SearchAnswer},
        **problems(405, 413, 415, 422, 429, 503, 504, path=PATH),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": parameters.SearchParameters.model_json_schema()}
            },
        }
    },
)
async def search_by_body(request: Request) -> Response:
    """The same search with the same names in a JSON body, types taken strictly."""
    require_search(request)
    refuse_query_string(request)
    return await _search(request, parameters.from_body(request.headers, await request.body()))


async def _search(
    request: Request, asked: parameters.SearchParameters, *, may_keep: bool = False
) -> Response:
    # On the event loop, on purpose: a search holds the processor for a millisecond or two and
    # seldom waits, and handing it to a thread costs a tenth of the throughput. Several workers,
    # one a core, are the way to more.
    search_request, app = asked.request(), request.app
    events = app.state.events
    # Where searches are noted, each has an id of its own, and what it showed was shown.
    may_keep = may_keep and events is None
    known = caching.validator(request, search_request) if may_keep else None
    if known is not None and (unchanged := known.not_modified(request)):
        return unchanged
    settings = settings_of(app)
    timeout_ms = asked.timeout_ms or settings.limits.timeout_ms
    deadline = Deadline(request.state.arrival, timeout_ms / 1e3)
    watch = Stopwatch(deadline.arrival.at)
    try:
        result = await answering.answer(
            live_index(app),
            search_request,
            deadline,
            watch,
            use_cache=asked.use_cache,
            shadow=app.state.shadow,
        )
    except DeadlineExceeded as late:
        slow.note_late(request, _WHAT, _asked(settings.log.query, search_request), watch, late)
        raise
    fields = _log_fields(settings.log.query, search_request, result)
    request.state.log, request.state.timing_ms = fields, result.timing_ms
    slow.note(request, _WHAT, fields, result.timing_ms)
    keeping = caching.NO_STORE
    if known is not None:
        keeping = known.headers(request, degraded=bool(result.degraded))
    return Json(
        answers.answer(search_request, result, request.state.request_id, events),
        headers={"Server-Timing": answers.server_timing(result.timing_ms), **keeping},
    )


def _log_fields(wanted: str, request: SearchRequest, result: SearchResult) -> dict[str, Any]:
    return {
        "index": result.index.version,
        "hits": len(result.hits),
        "total": result.total.value,
        "no_confident_match": result.no_confident_match,
        "degraded": result.degraded,
        **_asked(wanted, request),
    }


def _asked(wanted: str, request: SearchRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {"mode": request.mode}
    if wanted == "on":
        fields["q"] = request.q
    elif wanted == "hash":
        fields["q_hash"] = query_hash(request.q)
    return fields

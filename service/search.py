"""`GET` and `POST /v1/search`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from catalog.split import query_hash
from index.request import SearchRequest, SearchResult
from service import answers, metrics, parameters
from service.openapi import problems
from service.schemas import SearchAnswer
from service.state import ready_engine, settings_of

PATH = "/v1/search"
router = APIRouter(tags=["search"])


class Json(JSONResponse):
    """Bytes that are JSON already."""

    def render(self, content: bytes) -> bytes:
        """The bytes themselves."""
        return content


@router.get(
    PATH,
    summary="Search the shop",
    response_class=Json,
    responses={200: {"model": SearchAnswer}, **problems(405, 422, 500, 503, path=PATH)},
    openapi_extra={"parameters": parameters.openapi_parameters()},
)
async def search(request: Request) -> Response:
    """Products that answer the query, best first, each with its relevance and its tier."""
    return _search(request, parameters.from_query_string(request.query_params))


@router.post(
    PATH,
    summary="Search the shop, parameters as JSON",
    response_class=Json,
    responses={200: {"model": SearchAnswer}, **problems(405, 413, 415, 422, 500, 503, path=PATH)},
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
    return _search(request, parameters.from_body(request.headers, await request.body()))


def _search(request: Request, asked: parameters.SearchParameters) -> Response:
    search_request = asked.request()
    # Inline on the event loop, on purpose: a search holds the processor for about half a
    # millisecond, nothing in it waits, and handing it to a thread costs a tenth of the throughput.
    # Several workers, one a core, are the way to more.
    result = ready_engine(request.app).search(search_request)
    _count(search_request, result)
    request.state.log = _log_fields(request, search_request, result)
    return Json(
        answers.answer(search_request, result, request.state.request_id),
        headers={
            "Server-Timing": answers.server_timing(result.timing_ms),
            "Cache-Control": "no-store",
        },
    )


def _count(request: SearchRequest, result: SearchResult) -> None:
    metrics.observe_stages(result.timing_ms)
    for tier, count in Counter(hit.tier for hit in result.hits).items():
        metrics.HITS.labels(tier).inc(count)
    if result.hits and request.offset == 0:
        metrics.BEST_RELEVANCE.observe(result.hits[0].relevance)
    if result.no_confident_match:
        metrics.NO_CONFIDENT_MATCH.inc()
    for entry in result.degraded:
        component, _, reason = entry.partition(":")
        metrics.DEGRADED.labels(component, reason).inc()


def _log_fields(
    request: Request, search_request: SearchRequest, result: SearchResult
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "mode": search_request.mode,
        "hits": len(result.hits),
        "total": result.total.value,
        "no_confident_match": result.no_confident_match,
        "degraded": result.degraded,
    }
    wanted = settings_of(request.app).log.query
    if wanted == "on":
        fields["q"] = search_request.q
    elif wanted == "hash":
        fields["q_hash"] = query_hash(search_request.q)
    return fields

"""`GET /v1/suggest`: completion as the shopper types."""

from __future__ import annotations

from time import perf_counter

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from index.suggest.entries import Kind
from index.suggest.suggester import MAX_SUGGESTIONS, Match
from service import answers, caching, parameters
from service.direct import DirectRoute
from service.keys import require_search
from service.openapi import problems
from service.schemas import Declared
from service.search import Json
from service.state import live_index

PATH = "/v1/suggest"
MAX_CHARACTERS = 200
router = APIRouter(tags=["search"], route_class=DirectRoute)


class SuggestParameters(BaseModel):
    """What the client asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: str = Field(
        description="What the shopper has typed so far.",
        max_length=MAX_CHARACTERS,
        examples=["oat mi"],
    )
    limit: int = Field(default=8, ge=1, le=MAX_SUGGESTIONS, description="Most completions.")


class Suggestion(Declared):
    """One way to go on."""

    text: str
    kind: Kind
    match: Match = Field(
        description="The text begins so, holds the words, or holds them with a letter mended."
    )
    weight: float = Field(description="Count of the query, products of the category, popularity.")
    id: str | None = Field(default=None, description="Of a product.")
    path: list[str] | None = Field(default=None, description="Of a category, from the top.")


class SuggestAnswer(Declared):
    """Completions of what was typed."""

    request_id: str
    query: str = Field(description="What was typed, as it came.")
    suggestions: list[Suggestion]
    index: str = Field(description="Version of the index that answered.")
    timing_ms: dict[str, float]


@router.get(
    PATH,
    summary="Complete what is being typed",
    response_class=Json,
    responses={200: {"model": SuggestAnswer}, **problems(405, 422, 429, 503, path=PATH)},
    openapi_extra={"parameters": parameters.openapi_parameters(SuggestParameters)},
)
async def suggest(request: Request) -> Response:
    """Logged queries, categories and products that go on so, by popularity; kinds are marked."""
    require_search(request)
    asked = parameters.read_query_string(request.scope["query_string"], SuggestParameters)
    known = caching.validator(request, asked.model_dump())
    if known is not None and (unchanged := known.not_modified(request)):
        return unchanged
    began = perf_counter()
    engine = live_index(request.app).generation.engine
    found = [] if engine.suggester is None else engine.suggester.suggest(asked.q, asked.limit)
    timing = {"total": round((perf_counter() - began) * 1e3, 4)}
    request.state.timing_ms = timing
    body = {
        "request_id": request.state.request_id,
        "query": asked.q,
        "suggestions": [{**each.entry, "match": each.match} for each in found],
        "index": engine.bundle.version,
        "timing_ms": timing,
    }
    keeping = caching.NO_STORE if known is None else known.headers(request)
    headers = {"Server-Timing": answers.server_timing(timing), **keeping}
    return Json(orjson.dumps(body), headers=headers)

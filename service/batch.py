"""`POST /v1/search:batch`: several searches in one request, of one version of the index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalog.errors import DeadlineExceeded, GradusError
from index.request import SearchResult
from index.stopwatch import Stopwatch
from service import answers, batch_answering, parameters, slow
from service.address import refuse_query_string
from service.arrival import Deadline
from service.batch_answering import Asked, Outcome
from service.direct import DirectRoute
from service.keys import owe, require_search
from service.openapi import problems
from service.problems import Fault, Problem, RequestError, from_gradus
from service.schemas import Declared, IndexStamp, ProblemAnswer, SearchAnswer
from service.search import Json
from service.state import admission_of, live_index, settings_of

PATH = "/v1/search:batch"
_WHAT = "a batch"
router = APIRouter(tags=["search"], route_class=DirectRoute)


class BatchParameters(BaseModel):
    """Several searches and the time that all of them may take together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    searches: list[Any] = Field(
        min_length=1, description="Each with the parameters of a search but `timeout_ms`."
    )
    timeout_ms: parameters.Timeout = None


class BatchAnswer(Declared):
    """An answer or a problem for each search, in their order."""

    request_id: str
    results: list[SearchAnswer | ProblemAnswer]
    index: IndexStamp = Field(description="What answered all of them.")
    timing_ms: dict[str, float]


def _schema() -> dict[str, Any]:
    schema = BatchParameters.model_json_schema()
    schema["properties"]["searches"]["items"] = parameters.BatchedSearch.model_json_schema()
    return schema


@router.post(
    PATH,
    summary="Search several times at once",
    response_class=Json,
    responses={
        200: {"model": BatchAnswer},
        **problems(405, 413, 415, 422, 429, 503, 504, path=PATH),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _schema()}},
        }
    },
)
async def search_batch(request: Request) -> Response:
    """One answer or problem for each search, in their order.

    All of one version of the index, their texts encoded together, under one deadline: what it cuts
    off is a 504 in its place. Each counts as a search for what the worker takes on.
    """
    settings, app = settings_of(request.app), request.app
    bucket = require_search(request)
    refuse_query_string(request)
    asked = parameters.read_body(request.headers, await request.body(), BatchParameters)
    most = settings.limits.batch
    if len(asked.searches) > most:
        raise RequestError.invalid([Fault("#/searches", f"at most {most} searches are expected")])
    owe(request, bucket, len(asked.searches) - 1)
    understood = [_understood(number, one) for number, one in enumerate(asked.searches)]
    with admission_of(app).many(len(understood)) as done:
        deadline = Deadline(
            request.state.arrival, (asked.timeout_ms or settings.limits.timeout_ms) / 1e3
        )
        watch = Stopwatch(deadline.arrival.at)
        try:
            found = await batch_answering.answer(
                live_index(app), understood, deadline, watch, done=done, shadow=app.state.shadow
            )
        except DeadlineExceeded as late:
            slow.note_late(request, _WHAT, {"searches": len(understood)}, watch, late)
            raise
    fields = _log_fields(found.outcomes, found.stamp.version)
    request.state.log, request.state.timing_ms = fields, found.timing_ms
    slow.note(request, _WHAT, fields, found.timing_ms)
    body = {
        "request_id": request.state.request_id,
        "results": [
            _result(number, one, understood[number], request)
            for number, one in enumerate(found.outcomes)
        ],
        "index": found.stamp,
        "timing_ms": found.timing_ms,
    }
    return Json(
        orjson.dumps(body),
        headers={
            "Server-Timing": answers.server_timing(found.timing_ms),
            "Cache-Control": "no-store",
        },
    )


def _understood(number: int, one: Any) -> Asked | RequestError:
    above = ("searches", number)
    try:
        asked = parameters.BatchedSearch.model_validate(one, strict=True)
        return Asked(asked.request(), asked.use_cache)
    except ValidationError as error:
        faults = parameters.faults_of(error, parameters.BatchedSearch, above)
        return RequestError.invalid(faults)
    except GradusError as error:
        return RequestError(from_gradus(error))


def _result(
    number: int, outcome: Outcome, asked: Asked | RequestError, request: Request
) -> orjson.Fragment | dict[str, Any]:
    if isinstance(outcome, SearchResult):
        search_request = cast("Asked", asked).request
        return orjson.Fragment(
            answers.answer(
                search_request, outcome, request.state.request_id, request.app.state.events
            )
        )
    problem = _placed(_problem(outcome), number)
    return problem.body(path=PATH, request_id=request.state.request_id)


def _problem(error: RequestError | GradusError) -> Problem:
    return error.problem if isinstance(error, RequestError) else from_gradus(error)


def _placed(problem: Problem, number: int) -> Problem:
    """The problem with its pointers below the search that it belongs to."""
    above = f"#/searches/{number}"
    faults = [
        fault
        if fault.pointer.startswith(above)
        else Fault(above + fault.pointer.removeprefix("#"), fault.message)
        for fault in problem.faults
    ]
    return replace(problem, faults=faults, headers={})


def _log_fields(outcomes: list[Outcome], version: str) -> dict[str, Any]:
    good = [one for one in outcomes if isinstance(one, SearchResult)]
    return {
        "index": version,
        "searches": len(outcomes),
        "problems": len(outcomes) - len(good),
        "hits": sum(len(one.hits) for one in good),
        "degraded": sorted({part for one in good for part in one.degraded}),
    }

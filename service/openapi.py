"""What OpenAPI says beyond the routes themselves: the problem shape and an example of each."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.problems import MEDIA_TYPE, Fault, Problem
from service.schemas import ProblemAnswer

_REFERENCE = "#/components/schemas/ProblemAnswer"
_EXAMPLES = (
    Problem(401, "unauthorized", "This route needs an admin key."),
    Problem(403, "admin_closed", "Admin routes are closed."),
    Problem(404, "no_such_version", "there is no version '2026-11-19T02-00-00Z-a0d1'"),
    Problem(409, "index_refused", "the file is not what was written (truncated or changed)"),
    Problem(405, "method_not_allowed", "DELETE is not allowed here; allowed: GET."),
    Problem(413, "body_too_large", "The body may hold at most 65536 bytes."),
    Problem(415, "unsupported_media_type", "The body must be application/json in UTF-8."),
    Problem(
        422,
        "invalid_parameter",
        "limit: Input should be greater than or equal to 1",
        [Fault("#/limit", "Input should be greater than or equal to 1")],
    ),
    Problem(429, "overloaded", "this worker has all it can do"),
    Problem(500, "internal_error", "Something went wrong here; the log holds it."),
    Problem(503, "not_ready", "no index is open yet"),
    Problem(504, "deadline_exceeded", "the 50 ms that this request may take passed in the queue"),
)
_BY_STATUS = {example.status: example for example in _EXAMPLES}


def problems(*statuses: int, path: str) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for FastAPI's `responses`."""
    return {status: _described(_BY_STATUS[status], path) for status in statuses}


def install(app: FastAPI) -> None:
    """Make the app's OpenAPI document hold the problem shape, and no other error shape."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            components = schema.setdefault("components", {}).setdefault("schemas", {})
            template = "#/components/schemas/{model}"
            shape = ProblemAnswer.model_json_schema(ref_template=template)
            components.update(shape.pop("$defs", {}))
            components[ProblemAnswer.__name__] = shape
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _described(problem: Problem, path: str) -> dict[str, Any]:
    body = problem.body(path=path, request_id="01JCZ4N6W3M8Q0V5T7X9Y1A2BC")
    described: dict[str, Any] = {
        "description": body["title"],
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE}, "example": body}},
    }
    if problem.status in (429, 503):
        described["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        }
    return described

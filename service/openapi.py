"""What OpenAPI says beyond the routes themselves: errors, keys, headers, examples."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.openapi_examples import ANYWHERE, described, examples
from service.schemas import ProblemAnswer
from service.settings import Settings

Document = dict[str, Any]

_KEYS = {
    "searchBearer": ("Bearer", "A search key or an admin key."),
    "searchHeader": ("X-API-Key", "A search key or an admin key."),
    "adminBearer": ("Bearer", "An admin key."),
    "adminHeader": ("X-API-Key", "An admin key."),
}
_HEADERS = {
    "X-Request-ID": "Names the request in logs: the client's own, or a fresh ULID.",
    "Server-Timing": "Milliseconds of each stage.",
    "ETag": "Stands for the index, its live updates and the request.",
    "Cache-Control": "Whether, how long and by whom the answer may be kept.",
}
_NOT_MODIFIED = "What `If-None-Match` names still holds; there is no body."
_KEPT = ("/v1/search", "/v1/suggest")  # whose GET has a tag
_TIMED = ("/v1/search", "/v1/search:batch", "/v1/suggest", "/v1/embed")


def problems(*statuses: int, path: str) -> dict[int | str, Document]:
    """The error answers of a route, for FastAPI's `responses`; any may be a 500."""
    closed = 403 in statuses
    return {status: described(status, path, closed=closed) for status in sorted({*statuses, 500})}


def install(app: FastAPI, settings: Settings) -> None:
    """Make the app's OpenAPI document say all of this, and no other error shape."""

    def document() -> Document:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _add_components(schema)
            for path, methods in schema["paths"].items():
                for method, operation in methods.items():
                    _complete(operation, path, method)
            _bound(schema, settings)
            _hoist(schema, schema["components"]["schemas"])
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _add_components(schema: Document) -> None:
    components = schema.setdefault("components", {})
    shape = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = components.setdefault("schemas", {})
    schemas.update(shape.pop("$defs", {}))
    schemas[ProblemAnswer.__name__] = shape
    components["responses"] = {code: described(status, "") for status, code in ANYWHERE.items()}
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
    }
    components["securitySchemes"] = {
        name: {"type": "http", "scheme": "bearer", "description": text}
        if header == "Bearer"
        else {"type": "apiKey", "in": "header", "name": header, "description": text}
        for name, (header, text) in _KEYS.items()
    }


def _complete(operation: Document, path: str, method: str) -> None:
    """What holds of every operation of a kind is said once, here."""
    responses = operation["responses"]
    if "403" in responses:
        operation["security"] = [{"adminBearer": []}, {"adminHeader": []}]
    elif path.startswith("/v1/"):
        # Open to all where no search key is set, which is the first choice.
        operation["security"] = [{}, {"searchBearer": []}, {"searchHeader": []}]
        responses["401"] = described(401, path)
    if method == "get" and path in _KEPT:
        responses["304"] = {
            "description": _NOT_MODIFIED,
            "headers": _refer("ETag", "Cache-Control"),
        }
        operation.setdefault("parameters", []).append(
            {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "description": "Tags of answers that the client has.",
                "schema": {"type": "string"},
            }
        )
    for status, code in ANYWHERE.items():
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{code}"})
    good = next(status for status in responses if status.startswith("2"))
    _complete_answer(responses[good], operation["operationId"], path, method)
    operation["responses"] = dict(sorted(responses.items()))


def _complete_answer(answer: Document, operation: str, path: str, method: str) -> None:
    names = ["X-Request-ID"]
    names += ["Server-Timing"] if path in _TIMED else []
    names += ["Cache-Control"] if path.startswith("/v1/") else []
    names += ["ETag"] if method == "get" and path in _KEPT else []
    answer["headers"] = _refer(*names)
    example = examples()["answers"].get(operation)
    content = answer.get("content", {}).get("application/json")
    if example is not None and content is not None:
        content["example"] = example


def _refer(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _bound(schema: Document, settings: Settings) -> None:
    """The bounds that the settings give."""
    for path, name, most in (
        ("/v1/search:batch", "searches", settings.limits.batch),
        ("/v1/embed", "texts", settings.limits.embed),
    ):
        body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        body["schema"]["properties"][name]["maxItems"] = most


def _hoist(part: Any, schemas: Document) -> None:
    """Schemas that pydantic wrote beside their one use go where references are looked up."""
    if isinstance(part, list):
        for inner in part:
            _hoist(inner, schemas)
    if not isinstance(part, dict):
        return
    for name, shape in part.pop("$defs", {}).items():
        schemas.setdefault(name, shape)
    reference = part.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        part["$ref"] = reference.replace("#/$defs/", "#/components/schemas/")
    for name, inner in list(part.items()):
        if name not in ("example", "examples", "value"):  # a shop's own data may hold anything
            _hoist(inner, schemas)

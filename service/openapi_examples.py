"""Real answers and errors, for the OpenAPI document and for `docs/api.md`.

`static/examples.json` is written by `benchmarks/service/api_examples.py`, which asks a service.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from service.schemas import ProblemAnswer

_FILE = Path(__file__).parent / "static" / "examples.json"
_MEDIA_TYPE = "application/problem+json"
_REFERENCE = {"$ref": f"#/components/schemas/{ProblemAnswer.__name__}"}
# Refused before there is a route, whatever is asked for.
ANYWHERE = {
    400: "malformed_request",
    408: "request_timeout",
    414: "uri_too_long",
    431: "headers_too_large",
}
_CODES = {
    401: ("unauthorized",),
    403: ("admin_closed",),
    405: ("method_not_allowed",),
    413: ("body_too_large",),
    415: ("unsupported_media_type",),
    422: ("invalid_parameter",),
    429: ("overloaded",),
    500: ("internal_error",),
    503: ("not_ready", "too_many_connections"),
    504: ("deadline_exceeded",),
}


@cache
def examples() -> dict[str, dict[str, Any]]:
    """`answers` by operation, `problems` by code, those `worded` otherwise by path and code.

    `lines` of NDJSON by operation.
    """
    found: dict[str, dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def lines(operation: str) -> dict[str, Any]:
    """Examples of an answer in NDJSON, a line each, for OpenAPI's `examples`."""
    return {
        line["outcome"]: {"summary": f"A line: {line['outcome']}", "value": line}
        for line in examples()["lines"][operation]
    }


def codes(status: int, path: str, *, closed: bool = False) -> tuple[str, ...]:
    """The codes that a route may give with a status, the most usual first.

    `closed`: it takes an admin key, and those are not bounded.
    """
    admin = path.startswith("/v1/indexes")
    if status in ANYWHERE:
        return (ANYWHERE[status],)
    if status == 404:
        other = "events_off" if path == "/v1/events" else "no_such_product"
        return ("no_such_version",) if admin else (other,)
    if status == 409:
        return ("index_refused", "no_versions") if admin else ("no_versions",)
    more: tuple[str, ...] = ()
    if status == 422 and not admin and path != "/info":
        more = ("invalid_query", "invalid_json")
    elif status == 429 and not closed:
        more = ("rate_limited",)
    elif status == 503:
        changes = closed and path.startswith("/v1/products")
        more = ("unavailable",) if changes or path in ("/v1/embed", "/v1/events") else ()
    return (*_CODES[status], *more)


def described(status: int, path: str, *, closed: bool = False) -> dict[str, Any]:
    """The error answer of a route, as OpenAPI has it, with an example of each code."""
    room = next((room for room in examples()["worded"] if path.startswith(room)), "")
    known = {**examples()["problems"], **examples()["worded"].get(room, {})}
    bodies = [known[code] for code in codes(status, path, closed=closed) if code in known]
    found: dict[str, Any] = {
        "description": " or ".join(dict.fromkeys(body["title"] for body in bodies)),
        "content": {
            _MEDIA_TYPE: {
                "schema": _REFERENCE,
                "examples": {
                    body["code"]: {
                        "summary": body["title"],
                        "value": body | {"instance": quote(path, safe="/:")},
                    }
                    for body in bodies
                },
            }
        },
    }
    if status in (429, 503):
        found["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        }
    return found

"""Errors as clients see them: RFC 9457 `application/problem+json`, one shape for every route.

The one table from the project's errors to HTTP statuses is `STATUSES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from catalog.errors import (
    DeadlineExceeded,
    GradusError,
    NotReady,
    Overloaded,
    QueryError,
    ServingError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")  # whoever gives GET gives HEAD

# From the leaves to the root: the first class that fits decides. What is not named here is our
# own failure, whose words may hold paths and stay in the log.
STATUSES: Mapping[type[GradusError], int] = {
    QueryError: 422,
    Overloaded: 429,
    NotReady: 503,
    DeadlineExceeded: 504,
    ServingError: 503,
    GradusError: 500,
}

TITLES = {
    "malformed_request": "Not a request",
    "uri_too_long": "Address too long",
    "headers_too_large": "Headers too large",
    "unauthorized": "Key needed",
    "admin_closed": "Admin routes are closed",
    "cors_refused": "Not for pages from there",
    "not_found": "No such route",
    "no_such_version": "No such version of the index",
    "events_off": "Events are not kept here",
    "no_such_product": "No such product",
    "method_not_allowed": "Method not allowed here",
    "request_timeout": "Request not complete in time",
    "index_refused": "This version must not serve",
    "no_versions": "No versions to choose from",
    "body_too_large": "Request body too large",
    "unsupported_media_type": "Unsupported media type",
    "invalid_parameter": "Invalid parameter",
    "invalid_json": "The body is not JSON",
    QueryError.code: "The query cannot be understood",
    Overloaded.code: "Too busy",
    "rate_limited": "Too many requests",
    NotReady.code: "Not ready",
    DeadlineExceeded.code: "Out of time",
    ServingError.code: "Unavailable",
    "too_many_connections": "Too many connections",
    "internal_error": "Internal error",
}


class Fault(NamedTuple):
    """One thing wrong with a request, and where: `#/limit`, `must be at least 1`."""

    pointer: str
    message: str


def pointer(location: Iterable[int | str]) -> str:
    """A JSON pointer as a URI fragment, as RFC 9457 writes them."""
    steps = (str(step)[:100].replace("~", "~0").replace("/", "~1") for step in location)
    return "#" + "".join(f"/{step}" for step in steps)


@dataclass(frozen=True)
class Problem:
    """One error answer, before the request it belongs to is known."""

    status: int
    code: str
    detail: str
    faults: Sequence[Fault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, *, path: str, request_id: str) -> dict[str, Any]:
        """The members of the answer."""
        return {
            "type": f"urn:gradus:problem:{self.code}",
            "title": TITLES.get(self.code) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": quote(path[:200], safe="/:"),
            "code": self.code,
            "request_id": request_id,
            "errors": [fault._asdict() for fault in self.faults],
        }

    def response(self, scope: Scope) -> Response:
        """The answer to the request of `scope`."""
        state = scope.get("state", {})
        state["code"] = self.code
        body = self.body(path=scope.get("path", ""), request_id=state.get("request_id", ""))
        return Response(
            orjson.dumps(body),
            status_code=self.status,
            headers=dict(self.headers),
            media_type=MEDIA_TYPE,
        )


class RequestError(Exception):
    """A request that the service itself turns away, with the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail)

    @classmethod
    def invalid(cls, faults: Sequence[Fault]) -> RequestError:
        """422: parameters that are missing, unknown or out of range."""
        return cls(Problem(422, "invalid_parameter", _sentence(faults), faults))

    @classmethod
    def broken_json(cls, faults: Sequence[Fault]) -> RequestError:
        """422: a body that does not parse."""
        return cls(Problem(422, "invalid_json", _sentence(faults), faults))

    @classmethod
    def media_type(cls, declared: str) -> RequestError:
        """415: a body of another type than JSON."""
        found = declared[:100] or "none"
        detail = f"The body must be application/json in UTF-8; the declared type is {found}."
        return cls(Problem(415, "unsupported_media_type", detail))

    @classmethod
    def coding(cls, declared: str) -> RequestError:
        """415: a body that is compressed (RFC 9110, 15.5.16)."""
        detail = f"A body must come as it is; this one is declared to be {declared[:100]}."
        headers = {"Accept-Encoding": "identity"}
        return cls(Problem(415, "unsupported_media_type", detail, headers=headers))

    @classmethod
    def too_large(cls, limit: int) -> RequestError:
        """413: a body over the bound; the connection is closed, for the rest is not read."""
        detail = f"The body may hold at most {limit} bytes."
        return cls(Problem(413, "body_too_large", detail, headers={"Connection": "close"}))


INTERNAL = Problem(
    500, "internal_error", "Something went wrong here; the log holds it under this request id."
)


def from_gradus(error: GradusError) -> Problem:
    """The problem of an error of ours, by the table."""
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    if status == 500:
        return INTERNAL
    headers = {"Retry-After": str(RETRY_SECONDS)} if status in (429, 503) else {}
    # A query error says in `where` which parameter is at fault, the query itself if it does not.
    faults = [Fault(f"#/{error.where or 'q'}", str(error))] if status == 422 else []
    return Problem(status, error.code, str(error), faults, headers)


def from_http(request: Request, error: HTTPException) -> Problem:
    """The problem of what the router raises: 404, 405 and their like."""
    if error.status_code == 404:
        return not_found(request.scope["path"])
    if error.status_code == 405:
        return method_not_allowed(request, error)
    code = f"http_{error.status_code}"
    return Problem(error.status_code, code, f"{error.detail}.", headers=error.headers or {})


def not_found(path: str) -> Problem:
    """404: nothing lives at this path."""
    return Problem(404, "not_found", f"There is no {quote(path[:200])}; /docs lists every route.")


def method_not_allowed(request: Request, error: HTTPException) -> Problem:
    """405, with `Allow` naming every method of the path.

    The router names those of the first route that fits, so all routes are asked again. The OpenAPI
    document would know them, but whoever is the first to want it holds everybody up.
    """
    routes: Sequence[BaseRoute] = request.app.routes
    scopes = ({**request.scope, "method": method} for method in _METHODS)
    methods = {
        scope["method"]
        for scope in scopes
        if any(route.matches(scope)[0] is Match.FULL for route in routes)
    }
    allowed = ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))
    allowed = allowed or (error.headers or {}).get("Allow", "")
    detail = f"{request.method[:20]} is not allowed here; allowed: {allowed}."
    return Problem(405, "method_not_allowed", detail, headers={"Allow": allowed})


async def handle(request: Request, error: Exception) -> Response:
    """Starlette's handler for every error that has a problem of its own."""
    if isinstance(error, RequestError):
        problem = error.problem
    elif isinstance(error, GradusError):
        problem = from_gradus(error)
        if problem is INTERNAL:
            raise error  # the observer logs it with its traceback
    elif isinstance(error, HTTPException):
        problem = from_http(request, error)
    else:
        raise error
    return problem.response(request.scope)


def _sentence(faults: Sequence[Fault]) -> str:
    return "; ".join(
        f"{fault.pointer[2:]}: {fault.message}" if fault.pointer[2:] else fault.message
        for fault in faults
    )

"""Which pages of other origins may read the answers: an allow-list, as the fetch standard has it.

Two layers, since a preflight is a request like any other to the observer between them, and what the
observer refuses needs the headers, too.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems import Problem, RequestError

METHODS = ("GET", "HEAD", "POST")
MAX_AGE_SECONDS = 600
# What a page may send and read beyond what it always may.
SENT = ("Authorization", "If-None-Match", "X-API-Key", "X-Request-ID", "traceparent", "tracestate")
READ = ("ETag", "Retry-After", "Server-Timing", "X-Request-ID")

HeaderLines = Callable[[bytes], str]


def rules(app: ASGIApp, origins: tuple[str, ...]) -> CORSMiddleware:
    """The library's reading of the standard, for these origins."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=SENT,
        expose_headers=READ,
        max_age=MAX_AGE_SECONDS,
    )


class Readable:
    """The outer layer: says of every answer, of problems too, who may read it."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app, self._rules = app, rules(app, origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; preflights pass through to the inner layer."""
        if scope["type"] != "http" or is_preflight(scope):
            await self._app(scope, receive, send)
        else:
            await self._rules.simple_response(scope, receive, send, Headers(scope=scope))


class Preflights:
    """The inner layer: answers the question that a browser asks before it sends a request."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app, self._rules = app, rules(app, origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises RequestError (403) for what is not on the list."""
        if scope["type"] != "http" or not is_preflight(scope):
            await self._app(scope, receive, send)
            return
        response = self._rules.preflight_response(Headers(scope=scope))
        if response.status_code != 200:
            reason = bytes(response.body).decode().removeprefix("Disallowed CORS ")
            detail = (
                f"A page may not send this from elsewhere ({reason}); see GRADUS_HTTP__ORIGINS."
            )
            raise RequestError(Problem(403, "cors_refused", detail, headers={"Vary": "Origin"}))
        await response(scope, receive, send)


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks what it may send."""
    return scope["method"] == "OPTIONS" and {b"origin", b"access-control-request-method"} <= {
        name for name, _ in scope["headers"]
    }


def lines(origins: tuple[str, ...]) -> HeaderLines:
    """From an `Origin` to the header lines of an answer that is written without an application."""
    listed = {origin.encode("latin-1") for origin in origins}
    everybody = b"*" in listed

    def of(origin: bytes) -> str:
        if everybody:
            return "access-control-allow-origin: *\r\n"
        if origin in listed:
            return f"access-control-allow-origin: {origin.decode('latin-1')}\r\nvary: Origin\r\n"
        return "vary: Origin\r\n"

    return of

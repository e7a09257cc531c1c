"""The outermost layer of every request: its id, its bounds, its log line, its metrics.

Plain ASGI, since it runs around each answer. Whatever goes wrong inside becomes a problem answer
here; the traceback goes to the log under the request's id and never to the client.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalog.errors import Overloaded
from service import counting, logs, metrics, tracing
from service.admission import Admission, is_work
from service.afterwards import later
from service.arrival import Arrival, ClientGone
from service.problems import INTERNAL, RequestError, from_gradus
from service.request_id import accept
from service.settings import Settings

BULK_PATHS = ("/v1/search:batch", "/v1/embed", "/v1/events")


class Observer:
    """Wraps an application; one `_Exchange` follows each request through it."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        admission: Admission,
        tracer: tracing.Tracer | None = None,
    ) -> None:
        self._app = app
        self._max_body = settings.limits.body_bytes
        self._max_bodies = dict.fromkeys(BULK_PATHS, settings.limits.bulk_bytes)
        self._max_bodies["/v1/products"] = settings.updates.bulk_bytes
        self._log = settings.log.access
        self._admission = admission
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is not HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_body = self._max_bodies.get(scope["path"], self._max_body)
        exchange = _Exchange(scope, receive, send, max_body, self._admission)
        try:
            await self._answer(exchange)
        finally:
            exchange.leave()
            exchange.count()
            if self._log:
                exchange.log()
            if self._tracer is not None:
                exchange.trace(self._tracer)

    async def _answer(self, exchange: _Exchange) -> None:
        try:
            exchange.enter()
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except RequestError as fault:
            await fault.problem.response(exchange.scope)(
                exchange.scope, exchange.receive, exchange.send
            )
        except ClientGone:
            metrics.SHED.labels("client_gone").inc()
        except Exception:
            logs.service.exception(
                "a request failed", extra={"fields": {"request_id": exchange.request_id}}
            )
            if exchange.status:
                raise  # half an answer is out: only closing the connection tells the client
            await INTERNAL.response(exchange.scope)(exchange.scope, exchange.receive, exchange.send)


class _Exchange:
    """One request on its way in and its answer on its way out."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, max_body: int, admission: Admission
    ) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = accept(self.headers.get(b"x-request-id"))
        self.status = 0
        self._receive, self._send = receive, send
        declared = self.headers.get(b"content-length", b"")
        self._declared = int(declared[:20]) if declared.isdigit() else 0
        self._max_body, self._received = max_body, 0
        self._coding = _coding(scope["headers"]) if b"content-encoding" in self.headers else ""
        # The protocol stamps a request and says whether it is taken on, as soon as it is whole.
        self._protocol = state = scope.get("state", {})
        self._inside = False
        arrival = state.get("arrival") or Arrival()
        self.began = arrival.at
        self._admission = admission if is_work(scope["path"]) else None
        # A state of its own for each request; the server's is shared by all.
        scope["state"] = {**state, "request_id": self.request_id, "arrival": arrival}
        self._asked: str = scope["method"]
        if self._asked == "HEAD":
            # Answered as GET; the server knows better from its own scope, and sends no body.
            self.scope = {**scope, "method": "GET"}

    def enter(self) -> None:
        """Take the work on, unless its body is still to come. Raises RequestError (429)."""
        if self._declared == 0 and b"transfer-encoding" not in self.headers:
            self._admit()

    def leave(self) -> None:
        """The work is done: what is left is up to the client's reading."""
        if self._admission is not None and (self._inside or self._protocol.get("admitted")):
            self._admission.leave()
        self._admission = None
        self._protocol["answered"] = True  # a body that ends now is taken on no more

    def _admit(self) -> None:
        if self._admission is None or self._inside:
            return
        self._inside = self._protocol.get("admitted")
        if self._inside is None:  # nothing but the request itself came from the protocol
            self._inside = self._admission.enter()
        if not self._inside:
            raise RequestError(from_gradus(Overloaded("this worker has all it can do")))

    async def receive(self) -> Message:
        """The next part of the request. Raises RequestError (413, 415, 429).

        An announced length over the bound is turned away before a byte of it is read.
        """
        if self._declared > self._max_body:
            raise RequestError.too_large(self._max_body)
        message = await self._receive()
        if self._coding and message.get("body"):
            raise RequestError.coding(self._coding)
        self._received += len(message.get("body", b""))
        if self._received > self._max_body:
            raise RequestError.too_large(self._max_body)
        if not message.get("more_body", False):
            self._admit()  # a client that is slow to send takes nobody's place
        return message

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on, the head with the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.leave()
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
        await self._send(message)

    @property
    def _route(self) -> str:
        return getattr(self.scope.get("route"), "path_format", counting.UNMATCHED)

    @property
    def _method(self) -> str:
        return counting.method_label(self._asked)

    def count(self) -> None:
        """Add the request to the metrics."""
        seconds = perf_counter() - self.began
        later(counting.observe_request, self._method, self._route, self.status or 499, seconds)

    def log(self) -> None:
        """Write the request's line; routes add to it through the state's `log`."""
        state: dict[str, Any] = self.scope["state"]
        trace = tracing.trace_id(self.headers.get(b"traceparent"))
        fields = {
            "request_id": self.request_id,
            "method": self._method,
            "path": self.scope["path"][:200],
            "route": self._route,
            "status": self.status or 499,
            "duration_ms": round((perf_counter() - self.began) * 1000, 3),
            **({"trace_id": trace} if trace else {}),
            **({"code": state["code"]} if "code" in state else {}),
            **state.get("log", {}),
        }
        logs.access.info("request", extra={"fields": fields})

    def trace(self, tracer: tracing.Tracer) -> None:
        """Send the request as a span, with its stages inside."""
        name = f"{self._method} {self._route}"
        seconds = perf_counter() - self.began
        stages = self.scope["state"].get("timing_ms", {})
        tracer.record(name, self.headers, seconds, self.status or 499, self.request_id, stages)


def _coding(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """How a body is compressed, by all lines that say so; empty when it is not."""
    lines = b",".join(value for name, value in headers if name == b"content-encoding")
    named = (part.strip().lower() for part in lines.decode("latin-1").split(","))
    return ", ".join(part for part in named if part not in ("", "identity"))

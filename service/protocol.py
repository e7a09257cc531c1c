"""HTTP itself: what cannot be parsed, has no end or no place is refused in the one error shape too.

A search that finds no place is refused here, before a task is made for it: what is turned away must
cost next to nothing, or an overloaded worker does little else.
"""

from __future__ import annotations

from asyncio import Event, TimerHandle, Transport
from math import inf
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from catalog.errors import Overloaded
from service import counting, logs, metrics
from service.admission import is_work
from service.arrival import Arrival
from service.problems import RETRY_SECONDS, Problem, from_gradus
from service.refusal import NOWHERE, Target, target, written
from service.request_id import accept, new_id
from service.settings import LimitSettings

# The URL parser counts in 16 bits; headers have no bound of their own in it.
MAX_TARGET_BYTES = 65_535
MAX_HEADER_BYTES = 65_536
MAX_HEADERS = 100

_MALFORMED = Problem(400, "malformed_request", "This is not HTTP/1.1 as RFC 9112 has it.")
_TARGET = Problem(414, "uri_too_long", f"The address may hold at most {MAX_TARGET_BYTES} bytes.")
_HEADERS = Problem(
    431,
    "headers_too_large",
    f"At most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes together are taken.",
)
_SLOW = Problem(408, "request_timeout", "The request did not come in whole in time.")
_CROWDED = Problem(
    503,
    "too_many_connections",
    "This worker has all the connections it takes.",
    headers={"Retry-After": str(RETRY_SECONDS)},
)
_OVERLOADED = from_gradus(Overloaded("this worker has all it can do", hint="Try again shortly."))
# A refused body up to here is read and dropped: a new connection would cost both sides more.
_READ_ANYWAY = 16_384
# A client that sends just when the service begins to end is answered for this long.
_LINGER_SECONDS = 0.5


class _Answered:
    """Stands where a request would that has its answer already."""

    response_complete = True
    keep_alive = False
    disconnected = False

    def __init__(self) -> None:
        self.message_event = Event()


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 over httptools, with bounds on requests, connections and work."""

    _ending = False
    _incoming: TimerHandle | None = None  # runs while a request is not whole
    _whole = False
    _header_bytes = 0  # of the headers that are complete
    _pending_bytes = 0  # of a head that is not: one header may have no end
    _in_head = True
    _refused = False  # the request whose body is read for the sake of the connection
    _awaited: dict[str, Any] | None = None  # state of the request whose body is still to come
    _refusal = _MALFORMED

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """A client is there."""
        self.url, self.headers = b"", []  # until a request begins
        super().connection_made(transport)
        limits = self._limits
        if limits is not None and len(self.connections) > limits.connections:
            metrics.SHED.labels("connections").inc()
            self._write(_CROWDED, new_id(), keep_alive=False)
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes from the client."""
        super().data_received(data)
        if self._whole:
            self._stop_waiting()
        elif self._incoming is None and not self.transport.is_closing():
            self._await_request()
        if self._in_head and not self.transport.is_closing():
            self._pending_bytes += len(data)
            if self._pending_bytes > MAX_TARGET_BYTES + MAX_HEADER_BYTES:
                self._refusal = _HEADERS
                self.send_400_response(_HEADERS.detail)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._header_bytes, self._pending_bytes = True, 0, 0
        self._awaited = None
        self._whole = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole: take the request on, or refuse it."""
        self._in_head = False
        state: dict[str, Any] = self.scope["state"]
        state["arrival"] = Arrival(gone=self.transport.is_closing)
        admission = state.get("admission")
        # A request behind another one of its connection is looked at when its turn comes.
        first = self.cycle is None or self.cycle.response_complete
        if admission is not None and first and is_work(self.url.decode("latin-1")):
            length = self._body_length()
            if length:
                if admission.turns_away():
                    if length > _READ_ANYWAY:
                        self._refuse_work(keep_alive=False)
                    else:
                        self.cycle, self._refused = _Answered(), True  # type: ignore[assignment]
                    return
                self._awaited = state
            elif admission.enter():
                state["admitted"] = True
            else:
                self._refuse_work(keep_alive=self.parser.should_keep_alive() and not self._ending)
                return
        super().on_headers_complete()
        if self._ending:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The body is whole, too."""
        self._whole = True
        state, self._awaited = self._awaited, None
        if self._refused:
            self._refused = False
            self._refuse_work(keep_alive=self.parser.should_keep_alive() and not self._ending)
        if state is not None and "answered" not in state:
            # Whether there is room is said before the task of the request runs: what waits for the
            # event loop is a queue, too.
            state["admitted"] = state["admission"].enter()
        super().on_message_complete()

    def shutdown(self) -> None:
        """The service ends: answer what comes within a moment, then close."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        self._ending = True
        self.loop.call_later(_LINGER_SECONDS, self._close_if_idle)

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._refuse(_TARGET)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, whole."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES or len(self.headers) >= MAX_HEADERS:
            self._refuse(_HEADERS)
        super().on_header(name, value)

    def send_400_response(self, msg: str) -> None:
        """Say what was wrong and close the connection; called once the parser has given up."""
        # Of what is not HTTP there is no saying what it asked for.
        asked = NOWHERE if self._refusal is _MALFORMED else self._target()
        request_id = new_id()
        self._write(self._refusal, request_id, asked, keep_alive=False)
        fields = {
            "request_id": request_id,
            **({"method": asked.method, "path": asked.path[:200]} if asked.path else {}),
            "status": self._refusal.status,
            "code": self._refusal.code,
        }
        logs.service.warning("a request was refused before it was read", extra={"fields": fields})

    def _refuse(self, problem: Problem) -> None:
        self._refusal = problem
        raise ValueError(problem.detail)  # the parser stops and turns it into its own error

    def _refuse_work(self, *, keep_alive: bool) -> None:
        offered = _value(self.headers, b"x-request-id")
        self.cycle = _Answered()  # type: ignore[assignment]
        self._write(_OVERLOADED, accept(offered), self._target(), keep_alive=keep_alive)
        logs.refusals.add()
        if keep_alive:
            self.on_response_complete()

    def _body_length(self) -> float:
        """Bytes that are announced; infinite where it is not said how many come."""
        if _value(self.headers, b"transfer-encoding") is not None:
            return inf
        # The parser has refused what is no number.
        return int(_value(self.headers, b"content-length") or b"0")

    def _target(self) -> Target:
        if not self.url:
            return NOWHERE
        return target(self.parser.get_method(), self.url, self.app_state.get("routes", ()))

    def _write(
        self, problem: Problem, request_id: str, asked: Target = NOWHERE, *, keep_alive: bool
    ) -> None:
        more, lines = self.app_state.get("vary", ""), self.app_state.get("cors")
        if lines and (origin := _value(self.headers, b"origin")):
            more += lines(origin)
        self.transport.write(written(problem, asked, request_id, keep_alive=keep_alive, more=more))
        counting.requests(asked.method, asked.route, problem.status).inc()
        if not keep_alive:
            self.transport.close()

    def _await_request(self) -> None:
        if self._limits is not None:
            self._whole = False
            self._incoming = self.loop.call_later(self._limits.request_seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._incoming is not None:
            self._incoming.cancel()
            self._incoming = None

    def _too_slow(self) -> None:
        self._incoming = None
        if self.transport.is_closing():
            return
        metrics.SHED.labels("slow_client").inc()
        running = self.cycle is not None and not self.cycle.response_complete
        if running and (self._in_head or self.pipeline or self.cycle.response_started):
            self.transport.close()  # an answer here would be taken for that of another request
        else:
            # Its body may be what never came: the route that reads it is told by the closing.
            self._write(_SLOW, new_id(), keep_alive=False)

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    @property
    def _limits(self) -> LimitSettings | None:
        limits: LimitSettings | None = self.app_state.get("limits")
        return limits


def _value(headers: list[tuple[bytes, bytes]], wanted: bytes) -> bytes | None:
    return next((value for name, value in headers if name == wanted), None)

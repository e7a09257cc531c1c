"""HTTP itself: what cannot be parsed, or has no end, is refused in the one error shape too."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service import logs, metrics
from service.problems import MEDIA_TYPE, Problem
from service.request_id import new_id

# The URL parser counts in 16 bits; headers have no bound of their own in it.
MAX_TARGET_BYTES = 65_535
MAX_HEADER_BYTES = 65_536

_MALFORMED = Problem(400, "malformed_request", "This is not HTTP/1.1 as RFC 9112 has it.")
_TARGET = Problem(414, "uri_too_long", f"The address may hold at most {MAX_TARGET_BYTES} bytes.")
_HEADERS = Problem(
    431, "headers_too_large", f"The headers may hold at most {MAX_HEADER_BYTES} bytes."
)


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 over httptools, with bounds on the head of a request."""

    _header_bytes = 0  # of the headers that are complete
    _pending_bytes = 0  # of a head that is not: one header may have no end
    _in_head = True
    _refusal = _MALFORMED

    def data_received(self, data: bytes) -> None:
        """Some bytes from the client."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._pending_bytes += len(data)
            if self._pending_bytes > MAX_TARGET_BYTES + MAX_HEADER_BYTES:
                self._refusal = _HEADERS
                self.send_400_response(_HEADERS.detail)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._header_bytes, self._pending_bytes = True, 0, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        super().on_headers_complete()

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._refuse(_TARGET)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, whole."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(_HEADERS)
        super().on_header(name, value)

    def send_400_response(self, msg: str) -> None:
        """Say what was wrong and close the connection; called once the parser has given up."""
        problem, request_id = self._refusal, new_id()
        body = orjson.dumps(problem.body(path="", request_id=request_id))
        head = (
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
            f"content-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()
        metrics.HTTP_REQUESTS.labels("other", "unmatched", str(problem.status)).inc()
        fields = {"request_id": request_id, "status": problem.status, "code": problem.code}
        logs.service.warning("a request was refused before it was read", extra={"fields": fields})

    def _refuse(self, problem: Problem) -> None:
        self._refusal = problem
        raise ValueError(problem.detail)  # the parser stops and turns it into its own error

"""Clients that are slow, silent, enormous or malformed, each with the answers it may get."""

from __future__ import annotations

import gzip
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from raw_http import BrokenReplyError, receive

KEY = "slow"
WAIT = 30.0  # seconds, far longer than the service gives a request here
MEGABYTES_100 = 100_000_000
_KEY = b"Authorization: Bearer " + KEY.encode() + b"\r\n"
JSON = b"Content-Type: application/json\r\n"
LINES = b"Content-Type: application/x-ndjson\r\n"


@dataclass(frozen=True)
class BadClient:
    """What it does with a connection, and what may come of it: a status, `closed`, `held back`."""

    name: str
    act: Callable[[socket.socket], str]
    expected: tuple[str, ...]


def head(target: str, *lines: bytes, method: str = "POST") -> bytes:
    start = f"{method} {target} HTTP/1.1\r\nHost: shop\r\n".encode()
    return start + _KEY + b"".join(lines) + b"\r\n"


def length(number: int) -> bytes:
    return b"Content-Length: %d\r\n" % number


def answer(connection: socket.socket) -> str:
    """Status of what comes back, `closed` without one, `silence` when nothing happens."""
    connection.settimeout(WAIT)
    try:
        reply = receive(connection)
    except TimeoutError:
        return "silence"
    except (OSError, BrokenReplyError):
        return "closed"
    return "closed" if reply is None else str(reply.status)


def sending(*parts: bytes) -> Callable[[socket.socket], str]:
    """Sends all of it, or as much as is taken."""

    def act(connection: socket.socket) -> str:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass
        return answer(connection)

    return act


def whole(target: str, body: bytes, *lines: bytes) -> Callable[[socket.socket], str]:
    return sending(head(target, *lines, length(len(body))), body)


def dripping(start: bytes, drop: bytes) -> Callable[[socket.socket], str]:
    """A byte now and then, for longer than a request may take."""

    def act(connection: socket.socket) -> str:
        try:
            connection.sendall(start)
            for byte in drop * 40:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            pass
        return answer(connection)

    return act


def half_closed(connection: socket.socket) -> str:
    """Half of a body, and the end of what will ever be sent."""
    connection.sendall(head("/v1/search", JSON, length(50)) + b"{")
    connection.shutdown(socket.SHUT_WR)
    return answer(connection)


def gone(connection: socket.socket) -> str:
    """Asks, and tears the connection down without waiting."""
    for _ in range(20):
        connection.sendall(head("/v1/search?q=red+kettle&limit=100", method="GET"))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return "gone"


def never_reading(connection: socket.socket) -> str:
    """Asks on and on and reads nothing: the service must stop taking, not pile answers up."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(WAIT)
    asked = head("/v1/search?q=red+kettle&limit=100&min_tier=irrelevant", method="GET") * 100
    try:
        for _ in range(1000):
            connection.sendall(asked)
    except TimeoutError:
        return "held back"
    except OSError:
        return "closed"
    return "all taken"


def chunks(size: int) -> list[bytes]:
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    return [piece] * (size // 65_536)


def elements(count: int, each: bytes) -> bytes:
    return b"[" + b",".join([each] * count) + b"]"


DEEP = b'{"q":' + b"[" * 59_995
BOMB = gzip.compress(b" " * 50_000_000)
SEARCHES = b'{"searches":' + elements(10_000, b"{}") + b"}"
TEXTS = b'{"texts":' + elements(10_000, b'"x"') + b"}"
DEEP_BATCH = b'{"searches":' + b"[" * 59_000
MANY = b"".join(b"X-%d: y\r\n" % number for number in range(20_000))
REFUSED_OR_CUT = ("413", "closed")

CLIENTS = (
    BadClient("head dripping in", dripping(b"GET /v1/search?q=tea HTTP/1.1\r\nCookie: ", b"x"),
              ("408",)),
    BadClient("body dripping in", dripping(head("/v1/search", JSON, length(500)), b" "),
              ("408",)),
    BadClient("silent", answer, ("408",)),
    BadClient("body that never comes", sending(head("/v1/search", JSON, length(50)), b"{"),
              ("408",)),
    BadClient("half-closed in its body", half_closed, ("closed", "400", "408")),
    BadClient("gone at once", gone, ("gone",)),
    BadClient("asking without reading", never_reading, ("held back", "closed")),
    BadClient("100 MB body, announced",
              sending(head("/v1/search", JSON, length(MEGABYTES_100))), ("413",)),
    BadClient("100 MB body, sent",
              sending(head("/v1/search", JSON, length(MEGABYTES_100)), *[b"x" * 65_536] * 1525),
              REFUSED_OR_CUT),
    BadClient("100 MB body, chunked",
              sending(head("/v1/search", JSON, b"Transfer-Encoding: chunked\r\n"),
                      *chunks(MEGABYTES_100)), REFUSED_OR_CUT),
    BadClient("50 MB of blanks in a gzip",
              whole("/v1/search", BOMB, JSON, b"Content-Encoding: gzip\r\n"),
              ("415", "422", "413")),
    BadClient("batch of 10,000", whole("/v1/search:batch", SEARCHES, JSON), ("422",)),
    BadClient("10,000 texts to embed", whole("/v1/embed", TEXTS, JSON), ("422",)),
    BadClient("filter of 10,000 values",
              whole("/v1/search", b'{"q":"tea","filter":"brand IN '
                    + elements(10_000, b"'x'") + b'"}', JSON), ("422",)),
    BadClient("deep JSON", whole("/v1/search", DEEP, JSON), ("422",)),
    BadClient("deep JSON in a batch", whole("/v1/search:batch", DEEP_BATCH, JSON), ("422",)),
    BadClient("header flood", sending(b"GET / HTTP/1.1\r\n" + MANY + b"\r\n"), ("431", "closed")),
    BadClient("one endless header", sending(b"GET / HTTP/1.1\r\nCookie: ", *[b"x" * 65_536] * 50),
              ("431", "closed")),
    BadClient("endless address", sending(b"GET /" + b"x" * 65_536, *[b"x" * 65_536] * 20),
              ("414", "431", "closed")),
)  # fmt: skip

WRITERS = (
    BadClient("100 MB of lines, announced",
              sending(head("/v1/products", LINES, length(MEGABYTES_100))), ("413", "429")),
    BadClient("100 MB of lines, chunked",
              sending(head("/v1/products", LINES, b"Transfer-Encoding: chunked\r\n"),
                      *chunks(MEGABYTES_100)), (*REFUSED_OR_CUT, "429")),
    BadClient("100,000 empty lines", whole("/v1/products", b"\n" * 100_000, LINES), ("413", "429")),
    BadClient("100,000 short lines", whole("/v1/products", b"1\n" * 100_000, LINES),
              ("413", "429")),
    BadClient("one line of 1 MB", whole("/v1/products", b'"' + b"x" * 1_000_000, LINES),
              ("200", "429")),
    BadClient("lines dripping in", dripping(head("/v1/products", LINES, length(9_999)), b"\n"),
              ("408", "429")),
    BadClient("deep JSON in lines", whole("/v1/products", b"[" * 60_000 + b"\n", LINES),
              ("200", "429")),
)  # fmt: skip

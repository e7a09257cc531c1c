"""HTTP/1.1 by bare bytes, for requests that no library would send."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """What came back: names of headers in small letters, the body without chunks."""

    status: int
    headers: dict[str, str]
    body: bytes
    closes: bool


class BrokenReplyError(Exception):
    """Bytes came back that are no HTTP/1.1 answer."""


def exchange(
    port: int, *parts: bytes, seconds: float = 10.0, end: bool = False, head: bool = False
) -> Reply | None:
    """Send `parts` on a connection of their own; None when it is closed without an answer.

    `end` says that nothing more will be sent, `head` that the answer has no body. Raises
    TimeoutError when nothing happens, BrokenReplyError when the answer is none.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            if end:
                connection.shutdown(socket.SHUT_WR)
        except TimeoutError:
            raise
        except OSError:
            pass  # refused before it was whole; the answer may stand in the buffer
        return receive(connection, head=head)


def receive(connection: socket.socket, *, head: bool = False) -> Reply | None:
    """The next answer of a connection, interim ones (1xx) passed over."""
    stream, status = _Stream(connection), 0
    while status < 200:
        top = stream.until(b"\r\n\r\n")
        if top is None:
            return None
        status, headers = _parsed(top)
    length = headers.get("content-length", "")
    if head or status in (204, 304):
        body = b""
    elif headers.get("transfer-encoding") == "chunked":
        body = b"".join(stream.chunks())
    elif length.isdigit():
        body = stream.exactly(int(length))
    else:
        raise BrokenReplyError(f"neither a length nor chunks: {headers}")
    return Reply(status, headers, body, headers.get("connection", "") == "close")


def _parsed(top: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = top.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version != "HTTP/1.1" or not rest[:3].isdigit():
        raise BrokenReplyError(f"no status line: {first[:80]!r}")
    pairs = [line.partition(":") for line in lines]
    if any(not colon or not name for name, colon, _ in pairs):
        raise BrokenReplyError(f"a broken header: {lines}")
    return int(rest[:3]), {name.lower(): value.strip() for name, _, value in pairs}


class _Stream:
    """Bytes of a connection, taken in pieces."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._buffer = connection, b""

    def until(self, mark: bytes) -> bytes | None:
        """What stands before a mark; None when the connection ends before a byte came."""
        while mark not in self._buffer:
            if not self._grown():
                if self._buffer:
                    raise BrokenReplyError(f"cut off: {self._buffer[:80]!r}")
                return None
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def exactly(self, length: int) -> bytes:
        """So many bytes."""
        while len(self._buffer) < length:
            if not self._grown():
                raise BrokenReplyError(f"{len(self._buffer)} of {length} bytes came")
        found, self._buffer = self._buffer[:length], self._buffer[length:]
        return found

    def chunks(self) -> Iterator[bytes]:
        """The pieces of a chunked body."""
        while True:
            line = self.until(b"\r\n")
            if line is None:
                raise BrokenReplyError("chunks without an end")
            size = int(line.partition(b";")[0], 16)
            yield self.exactly(size + 2)[:size]
            if size == 0:
                return

    def _grown(self) -> bool:
        try:
            data = self._connection.recv(65_536)
        except ConnectionError:
            data = b""
        self._buffer += data
        return bool(data)

"""Requests as bytes on a connection: taken on, refused, given up, or answered at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service import compression, cors, metrics
from service.admission import Admission
from service.protocol import ProblemProtocol
from service.settings import LimitSettings

GET = b"GET /v1/search?q=tea HTTP/1.1\r\nHost: shop\r\nX-Request-ID: mine\r\n\r\n"
POST = b"POST /v1/search HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: shop\r\n\r\n"
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, says `ok`, and leaves the admission as the observer does."""
    while (await receive()).get("more_body"):
        pass
    if scope["state"].get("admitted"):
        scope["state"]["admission"].leave()
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


class Shop:
    """A server of one protocol over a socket pair."""

    def __init__(self, admission: Admission, limits: LimitSettings) -> None:
        self.config = uvicorn.Config(ok, http=ProblemProtocol, ws="none", log_config=None)
        self.config.load()
        self.state = {"admission": admission, "limits": limits}
        self.connections: list[ProblemProtocol] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        def made() -> ProblemProtocol:
            protocol = ProblemProtocol(self.config, self.server, self.state)
            self.connections.append(protocol)
            return protocol

        loop = asyncio.get_running_loop()
        if not hasattr(self, "listener"):
            self.server = ServerState()
            self.listener = await loop.create_server(made, "127.0.0.1", 0)
        port = self.listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self.writers.append(writer)
        return reader, writer


@asynccontextmanager
async def shop(burst: int = 8, **limits: float) -> AsyncIterator[tuple[Shop, Admission]]:
    admission = Admission(burst, 0.005)
    made = Shop(admission, LimitSettings(**limits))  # type: ignore[arg-type]
    yield made, admission
    for writer in made.writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    made.listener.close()
    await made.listener.wait_closed()
    for connection in made.connections:
        connection._unset_keepalive_if_required()


async def read(
    reader: asyncio.StreamReader, *, bodiless: bool = False
) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(30):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {}
        for line in head[1:-2]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return (
            int(head[0].split()[1]),
            headers,
            await reader.readexactly(0 if bodiless else int(headers["content-length"])),
        )


def fill(admission: Admission) -> None:
    while admission.enter():
        pass


async def test_full_worker_refuses_and_keeps_the_connection() -> None:
    async with shop() as (server, admission):
        reader, writer = await server.connect()
        fill(admission)
        writer.write(GET)
        status, headers, body = await read(reader)
        assert (status, headers["retry-after"], headers["x-request-id"]) == (429, "1", "mine")
        assert orjson.loads(body)["code"] == "overloaded"
        writer.write(LIVEZ)  # operators are let through, on the same connection
        assert (await read(reader))[0] == 200
        while admission.pending:
            admission.leave()
        writer.write(GET)
        assert (await read(reader))[0] == 200
        assert admission.pending == 0


async def test_bodies_are_taken_on_when_they_are_whole_and_not_when_their_turn_comes() -> None:
    async with shop(burst=2) as (server, admission):
        readers = [(await server.connect())[0] for _ in range(4)]
        while len(server.connections) < 4:
            await asyncio.sleep(0.001)
        for connection in server.connections:  # all of them before a task runs
            connection.data_received(POST + b"ab")
        assert admission.pending == 0
        states = [connection.scope["state"] for connection in server.connections]
        states[3]["answered"] = True  # early, without the body
        for connection in server.connections:
            connection.data_received(b"cd")
        assert [state.get("admitted") for state in states] == [True, True, False, None]
        assert [(await read(reader))[0] for reader in readers] == [200] * 4
        assert admission.pending == 0


async def test_what_comes_behind_a_refused_search_is_answered_behind_it() -> None:
    async with shop() as (server, admission):
        reader, writer = await server.connect()
        fill(admission)
        writer.write(GET + LIVEZ + LIVEZ)
        assert [(await read(reader))[0] for _ in range(3)] == [429, 200, 200]


async def test_a_page_of_another_origin_can_read_that_the_worker_is_full() -> None:
    async with shop() as (server, admission):
        server.state["cors"] = cors.lines(("https://shop.example",))
        reader, writer = await server.connect()
        fill(admission)
        writer.write(GET.replace(b"X-Request-ID: mine", b"Origin: https://shop.example"))
        _, headers, _ = await read(reader)
        assert headers["access-control-allow-origin"] == "https://shop.example"
        writer.write(GET.replace(b"X-Request-ID: mine", b"Origin: https://evil.example"))
        _, headers, _ = await read(reader)
        assert ("access-control-allow-origin" in headers, headers["vary"]) == (False, "Origin")


def counted(**labels: str) -> float:
    found = metrics.REGISTRY.get_sample_value("gradus_http_requests_total", labels)
    return found or 0.0


@pytest.mark.parametrize(
    ("asked", "method", "path", "route"),
    [
        (b"GET /v1/search?q=tea", "GET", "/v1/search", "/v1/search"),
        (b"HEAD /v1/search?q=tea", "HEAD", "/v1/search", "/v1/search"),
        (b"GET /v1/%73earch?q=tea", "GET", "/v1/search", "/v1/search"),
        (b"GET /v1/nothing", "GET", "/v1/nothing", "unmatched"),
        (b"SUBSCRIBE /v1/search", "other", "/v1/search", "/v1/search"),
    ],
)
async def test_a_refused_search_is_one_of_its_route(
    asked: bytes, method: str, path: str, route: str
) -> None:
    labels = {"method": method, "route": route, "status": "429"}
    async with shop() as (server, admission):
        server.state |= {"routes": {"/v1/search"}, "vary": compression.VARY_LINE}
        reader, writer = await server.connect()
        fill(admission)
        before = counted(**labels)
        writer.write(asked + b" HTTP/1.1\r\nHost: shop\r\n\r\n")
        status, headers, body = await read(reader, bodiless=method == "HEAD")
        assert (status, headers["vary"]) == (429, "Accept-Encoding")
        assert headers["x-content-type-options"] == "nosniff"
        assert int(headers["content-length"]) > 0
        if method != "HEAD":
            assert orjson.loads(body)["instance"] == path
        assert counted(**labels) == before + 1
        writer.write(LIVEZ)  # nothing is left over of the answer before
        assert (await read(reader))[0] == 200


@pytest.mark.parametrize(
    ("sent", "status", "path"),
    [
        (b"GET /livez?x=" + b"x" * 70_000 + b" HTTP/1.1\r\n", 414, "/livez"),
        (b"POST /livez HTTP/1.1\r\nCookie: " + b"x" * 70_000 + b"\r\n\r\n", 431, "/livez"),
        (b"POST /livez HTTP/1.1\r\nCookie: " + b"x" * 140_000, 431, "/livez"),
        (b"\r\n" * 70_000, 431, ""),
        (b"GET /livez HTTP/1.1\r\nno header\r\n\r\n", 400, ""),
    ],
)
async def test_what_is_refused_unread_says_where(
    sent: bytes, status: int, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    method = sent.split(b" ")[0].decode() if path else "other"
    labels = {"method": method, "route": path or "unmatched", "status": str(status)}
    before = counted(**labels)
    async with shop() as (server, _):
        server.state |= {"routes": {"/livez"}, "vary": compression.VARY_LINE}
        reader, writer = await server.connect()
        writer.write(sent)
        found, headers, body = await read(reader)
    assert (found, headers["vary"]) == (status, "Accept-Encoding")
    assert headers["x-content-type-options"] == "nosniff"
    assert orjson.loads(body)["instance"] == path
    assert counted(**labels) == before + 1
    (fields,) = (one.fields for one in caplog.records if hasattr(one, "fields"))
    assert (fields.get("method", "other"), fields.get("path", "")) == (method, path)


@pytest.mark.parametrize("number", [100, 101])
async def test_headers_are_counted(number: int) -> None:
    async with shop() as (server, _):
        reader, writer = await server.connect()
        head = b"".join(b"x-%d: 1\r\n" % one for one in range(number))
        writer.write(b"GET /livez HTTP/1.1\r\n" + head + b"\r\n")
        status, headers, body = await read(reader)
        assert status == (200 if number <= 100 else 431)
        if status == 431:
            assert orjson.loads(body)["code"] == "headers_too_large"
            assert headers["connection"] == "close"


async def test_full_worker_drops_a_small_body_and_keeps_the_connection() -> None:
    async with shop() as (server, admission):
        reader, writer = await server.connect()
        fill(admission)
        for parts in ((POST + b"body",), (POST, b"bo", b"dy")):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.01)
            status, headers, _ = await read(reader)
            assert (status, headers.get("connection")) == (429, None)
        writer.write(POST + b"body" + LIVEZ)
        assert [(await read(reader))[0] for _ in range(2)] == [429, 200]
        while admission.pending:
            admission.leave()
        writer.write(POST + b"body")
        assert (await read(reader))[0] == 200
        assert admission.pending == 0


@pytest.mark.parametrize("length", [b"Content-Length: 20000", b"Transfer-Encoding: chunked"])
async def test_full_worker_does_not_wait_for_a_large_body(length: bytes) -> None:
    async with shop() as (server, admission):
        reader, writer = await server.connect()
        fill(admission)
        writer.write(POST.replace(b"Content-Length: 4", length))  # and nothing more
        status, headers, _ = await read(reader)
        assert (status, headers["connection"]) == (429, "close")
        assert await reader.read() == b""


async def test_body_on_its_way_takes_nobodys_place() -> None:
    async with shop() as (server, admission):
        reader, writer = await server.connect()
        writer.write(POST)
        await asyncio.sleep(0.05)
        assert admission.pending == 0
        writer.write(b"body")
        assert (await read(reader))[0] == 200


async def test_requests_in_one_piece_are_answered_in_order() -> None:
    async with shop() as (server, admission):
        reader, writer = await server.connect()
        writer.write(GET + LIVEZ + GET)
        assert [(await read(reader))[0] for _ in range(3)] == [200, 200, 200]
        assert admission.pending == 0


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nCookie: x"])
async def test_request_that_does_not_come_in_is_given_up(sent: bytes) -> None:
    async with shop(request_seconds=1) as (server, _):
        reader, writer = await server.connect()
        writer.write(sent)
        status, headers, body = await read(reader)
        assert (status, headers["connection"]) == (408, "close")
        assert orjson.loads(body)["code"] == "request_timeout"
        assert await reader.read() == b""


async def test_body_that_does_not_come_in_is_given_up() -> None:
    async with shop(request_seconds=1) as (server, _):
        reader, writer = await server.connect()
        writer.write(POST + b"b")
        status, headers, body = await read(reader)
        assert (status, headers["connection"]) == (408, "close")
        assert orjson.loads(body)["code"] == "request_timeout"
        assert await reader.read() == b""


async def test_second_request_is_given_up_after_the_first_is_answered() -> None:
    async with shop(request_seconds=1) as (server, _):
        reader, writer = await server.connect()
        writer.write(POST + b"body" + POST + b"b")
        assert (await read(reader))[0] == 200
        assert (await read(reader))[0] == 408
        assert await reader.read() == b""


async def test_idle_connection_is_not_a_slow_one() -> None:
    async with shop(request_seconds=1) as (server, _):
        reader, writer = await server.connect()
        writer.write(GET)
        assert (await read(reader))[0] == 200
        await asyncio.sleep(1.3)
        writer.write(GET)
        assert (await read(reader))[0] == 200


async def test_connections_are_bounded() -> None:
    async with shop(connections=1) as (server, _):
        reader, writer = await server.connect()
        writer.write(LIVEZ)
        assert (await read(reader))[0] == 200
        crowded, _ = await server.connect()
        status, headers, body = await read(crowded)
        assert (status, orjson.loads(body)["code"]) == (503, "too_many_connections")
        assert headers["retry-after"] == "1"


async def test_at_the_end_what_comes_at_once_is_answered() -> None:
    async with shop() as (server, _):
        reader, writer = await server.connect()
        writer.write(GET)
        assert (await read(reader))[0] == 200
        (connection,) = server.connections
        connection.shutdown()
        writer.write(GET)
        status, headers, _ = await read(reader)
        assert (status, headers["connection"]) == (200, "close")
        silent, _ = await server.connect()
        await asyncio.sleep(0.05)
        server.connections[-1].shutdown()
        async with asyncio.timeout(30):
            assert await silent.read() == b""


async def test_client_that_has_gone_is_noticed() -> None:
    async with shop() as (server, _):
        _, writer = await server.connect()
        writer.write(POST)
        await asyncio.sleep(0.05)
        (connection,) = server.connections
        arrival = connection.scope["state"]["arrival"]
        assert not arrival.gone()
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(30):
            while not arrival.gone():
                await asyncio.sleep(0.01)

"""One error shape, on every route, whatever goes wrong."""

from __future__ import annotations

import gzip
import logging
from collections.abc import AsyncIterator
from hashlib import sha256
from time import perf_counter

import httpx
import pytest
from fastapi import FastAPI

from catalog.errors import DeadlineExceeded, GradusError, HashMismatch, NotReady, Overloaded
from index.engine import Engine
from service.app import create_app
from service.arrival import Arrival
from service.schemas import ProblemAnswer
from service.settings import KeySettings, LogSettings, Settings
from service.state import admission_of, ready_engine
from service.twice import given_twice

pytestmark = pytest.mark.anyio
ADMIN_ROUTES = (
    "/v1/indexes",
    "/v1/indexes/{version}:publish",
    "/v1/indexes:rollback",
    "/v1/products",
    "/v1/products/{id}",
)
POST_ROUTES = ("/v1/search:batch", "/v1/embed", "/v1/events")
ROUTES = (
    "/v1/search",
    "/v1/suggest",
    "/livez",
    "/readyz",
    "/healthz",
    "/info",
    "/metrics",
    "/",
    "/workbench",
    "/docs",
)


def problem(response: httpx.Response, status: int, code: str) -> ProblemAnswer:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = ProblemAnswer.model_validate_json(response.content)
    assert (body.status, body.code) == (status, code)
    assert body.request_id == response.headers["x-request-id"]
    assert body.type == f"urn:gradus:problem:{code}"
    assert body.title
    assert body.detail
    assert "Traceback" not in response.text
    return body


def test_every_route_is_covered(app: FastAPI) -> None:
    assert set(app.openapi()["paths"]) == {*ROUTES, *POST_ROUTES, *ADMIN_ROUTES} - {"/docs"}


@pytest.mark.parametrize("route", ROUTES)
async def test_wrong_method(client: httpx.AsyncClient, route: str) -> None:
    methods = "GET, HEAD, POST" if route == "/v1/search" else "GET, HEAD"
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
        response = await client.request(method, route)
        told = problem(response, 405, "method_not_allowed")
        assert told.detail.startswith(method)
        assert response.headers["allow"] == methods, method


@pytest.mark.parametrize("route", POST_ROUTES)
async def test_wrong_method_where_only_post_is_right(client: httpx.AsyncClient, route: str) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        response = await client.request(method, route)
        assert (response.status_code, response.headers["allow"]) == (405, "POST"), method


async def test_allowed_are_the_documented_methods(app: FastAPI, client: httpx.AsyncClient) -> None:
    for path, operations in app.openapi()["paths"].items():
        methods = {method.upper() for method in operations}
        methods |= {"HEAD"} if "GET" in methods else set()
        response = await client.request("BREW", path.format(version="a", id="b"))
        assert response.headers["allow"] == ", ".join(sorted(methods)), path


async def test_a_wrong_method_does_not_wait_for_the_openapi_document(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    problem(await client.put("/v1/search"), 405, "method_not_allowed")
    assert app.openapi_schema is None


@pytest.mark.parametrize("path", ["/nope", "/v1/search/", "/v1", "//", "/%00", "/é", "/x" * 500])
async def test_no_such_route(client: httpx.AsyncClient, path: str) -> None:
    problem(await client.get(f"http://shop{path}"), 404, "not_found")


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/json; charset=latin-1", "a" * 9_000]
)
async def test_wrong_media_type(client: httpx.AsyncClient, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    response = await client.post("/v1/search", content=b'{"q": "kettle"}', headers=headers)
    problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["/v1/search", "/v1/search:batch", "/v1/embed"])
async def test_a_compressed_body_is_not_taken_for_a_plain_one(
    client: httpx.AsyncClient, path: str
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = await client.post(path, content=gzip.compress(b"{}"), headers=headers)
    problem(response, 415, "unsupported_media_type")
    assert response.headers["accept-encoding"] == "identity"
    plain = headers | {"Content-Encoding": "Identity"}
    response = await client.post("/v1/search", content=b'{"q": "kettle"}', headers=plain)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("", "#/q"),
        ("q=a&limit=-1", "#/limit"),
        ("q=a&limit=0", "#/limit"),
        ("q=a&limit=101", "#/limit"),
        ("q=a&limit=ten", "#/limit"),
        ("q=a&limit=9" + "9" * 5_000, "#/limit"),
        ("q=a&offset=-1", "#/offset"),
        ("q=a&offset=950&limit=51", "#"),
        ("q=a&mode=fuzzy", "#/mode"),
        ("q=a&min_tier=good", "#/min_tier"),
        ("q=a&exact=perhaps", "#/exact"),
        ("q=a&facets=brand,,price", "#/facets"),
        ("q=a&fields=" + "x" * 201, "#/fields"),
        ("q=a&highlight=title,", "#/highlight"),
        ("q=a&vector=x", "#/vector"),
        ("q=a&a/b~c=x", "#/a~1b~0c"),
        ("q=a&q=b", "#/q"),
        ("q=" + "x" * 60_000, "#/q"),
    ],
)
async def test_wrong_parameter(client: httpx.AsyncClient, query: str, pointer: str) -> None:
    body = problem(await client.get(f"/v1/search?{query}"), 422, "invalid_parameter")
    assert [error.pointer for error in body.errors] == [pointer]
    assert len(body.detail) < 500


@pytest.mark.parametrize("query", ["", "%20%09", "%00%01%7F", "%E2%80%8B"])
async def test_query_of_nothing(client: httpx.AsyncClient, query: str) -> None:
    body = problem(await client.get(f"/v1/search?q={query}"), 422, "invalid_query")
    assert [error.pointer for error in body.errors] == ["#/q"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"q": "a",}', b"\xff\xfe", b"[" * 60_000, b'{"q": "\\ud800"}'],
)
async def test_broken_json(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    problem(await client.post("/v1/search", content=body, headers=headers), 422, "invalid_json")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ("[]", "#"),
        ("null", "#"),
        ('{"q": 5}', "#/q"),
        ('{"q": NaN}', "#/q"),
        ('{"q": null}', "#/q"),
        ('{"q": "a", "limit": "5"}', "#/limit"),
        ('{"q": "a", "limit": 5.0}', "#/limit"),
        ('{"q": "a", "limit": true}', "#/limit"),
        ('{"q": "a", "limit": 1e400}', "#/limit"),
        ('{"q": "a", "exact": 1}', "#/exact"),
        ('{"q": "a", "vector": [1]}', "#/vector"),
    ],
)
async def test_json_types_are_strict(client: httpx.AsyncClient, body: str, pointer: str) -> None:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    response = await client.post("/v1/search", content=body, headers=headers)
    found = problem(response, 422, "invalid_parameter")
    assert [error.pointer for error in found.errors] == [pointer]


async def test_body_over_the_bound(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:  # no length is announced
        for _ in range(20):
            yield b"x" * 5_000

    kind = {"Content-Type": "application/json"}
    announced = await client.post("/v1/search", json={"q": "x" * 100_000})
    problem(announced, 413, "body_too_large")
    assert announced.headers["connection"] == "close"
    streamed = await client.post("/v1/search", content=pieces(), headers=kind)
    problem(streamed, 413, "body_too_large")


@pytest.mark.parametrize(
    ("raised", "status", "code", "retry"),
    [
        (NotReady("x"), 503, "not_ready", True),
        (Overloaded("x"), 429, "overloaded", True),
        (DeadlineExceeded("x"), 504, "deadline_exceeded", False),
        (HashMismatch("secret", where="/srv/secret"), 500, "internal_error", False),
        (GradusError("secret"), 500, "internal_error", False),
        (RuntimeError("secret"), 500, "internal_error", False),
    ],
)
async def test_failures_inside(
    client: httpx.AsyncClient,
    app: FastAPI,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    raised: Exception,
    status: int,
    code: str,
    retry: bool,
) -> None:
    def broken(*_asked: object) -> None:
        raise raised

    monkeypatch.setattr(ready_engine(app), "prepare", broken)
    response = await client.get("/v1/search?q=kettle")
    body = problem(response, status, code)
    assert ("retry-after" in response.headers) is retry
    assert "secret" not in response.text
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert bool(logged) is (status == 500)
    for record in logged:  # the traceback is in the log, under the id that the client was given
        assert record.exc_info
        assert record.fields["request_id"] == body.request_id  # type: ignore[attr-defined]


async def test_no_place_left(client: httpx.AsyncClient, app: FastAPI) -> None:
    admission = admission_of(app)
    while admission.enter():
        pass
    refused = await client.get("/v1/search?q=kettle")
    problem(refused, 429, "overloaded")
    assert refused.headers["retry-after"] == "1"
    problem(await client.post("/v1/search", json={"q": "kettle"}), 429, "overloaded")
    assert (await client.get("/readyz")).status_code == 200  # operators are let through
    while admission.pending:
        admission.leave()
    assert (await client.get("/v1/search?q=kettle")).status_code == 200
    assert admission.pending == 0


async def test_time_that_passed_before_the_search_began(client: httpx.AsyncClient) -> None:
    def late() -> Arrival:
        return Arrival(at=perf_counter() - 0.05)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.observer.Arrival", late)
        body = problem(
            await client.get("/v1/search?q=kettle&timeout_ms=40"), 504, "deadline_exceeded"
        )
        assert "40 ms" in body.detail
        answer = await client.get("/v1/search?q=kettle&timeout_ms=60000")
    assert answer.json()["timing_ms"]["queue"] >= 50


@pytest.mark.parametrize(
    ("log", "took", "timeout_ms", "lines"),
    [
        (
            LogSettings(slow_ms=100, query="on"),
            0.2,
            60_000,
            [("a search", None), ("a batch", None)],
        ),
        (LogSettings(slow_ms=100), 0.2, 150, [("a search", "in the"), ("a batch", "in the")]),
        (LogSettings(slow_ms=60_000), 0.2, 150, []),
        (LogSettings(slow_ms=0), 0.2, 60_000, []),
    ],
)
async def test_what_is_slow_is_logged(
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
    log: LogSettings,
    took: float,
    timeout_ms: int,
    lines: list[tuple[str, str | None]],
) -> None:
    app = create_app(Settings(log=log), engine)
    asked = {"searches": [{"q": "kettle"}, {"q": "mug"}], "timeout_ms": timeout_ms}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.observer.Arrival", lambda: Arrival(at=perf_counter() - took))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client,
        ):
            await client.get(f"/v1/search?q=kettle&timeout_ms={timeout_ms}")
            await client.post("/v1/search:batch", json=asked)
    found = [one for one in caplog.records if one.getMessage().endswith("was slow")]
    assert [one.getMessage() for one in found] == [f"{what} was slow" for what, _ in lines]
    for record, (what, where) in zip(found, lines, strict=True):
        fields = record.fields  # type: ignore[attr-defined]
        assert fields["timing_ms"]["total"] >= fields["timing_ms"]["queue"] >= 200
        assert fields.get("searches", 1) == (2 if what == "a batch" else 1)
        assert fields.get("q") == ("kettle" if log.query == "on" and what == "a search" else None)
        if where is None:
            assert fields["hits"] > 0
        else:
            assert fields["code"] == "deadline_exceeded"
            assert where in fields["detail"]


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("/v1/search", b'{"q": "a", "limit": 5, "q": "b"}', "#/q"),
        ("/v1/search", b'{"q": "a", "\\u0071" : "b"}', "#/q"),
        ("/v1/search:batch", b'{"searches": [{"q": "a"}, {"q": "b", "q": "c"}]}', "#/searches/1/q"),
        ("/v1/embed", b'{"texts": ["a"], "texts": [], "texts": ["b"]}', "#/texts"),
        ("/v1/products", b'{"id": "a", "title": "t", "values": {"x": 1, "x": 2}}', "#/values/x"),
        ("/v1/products", b'{"id": "a", "id": "b", "title": "t", "title": ""}', "#/id #/title"),
        ("/v1/search", b'{"q": "a:b", "sort": ["price:asc"]}', None),
        ("/v1/search", b'{"q": "a:\\"q\\":\\"", "filter": ""}', None),
    ],
)
async def test_a_name_that_stands_twice_in_a_body(
    client: httpx.AsyncClient, path: str, body: bytes, pointers: str | None
) -> None:
    keys = KeySettings(admin_sha256=(sha256(b"key").hexdigest(),))
    headers = {"Content-Type": "application/json", "X-API-Key": "key"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.keys.settings_of", lambda _app: Settings(keys=keys))
        response = await client.post(path, content=body, headers=headers)
    if pointers is None:
        assert response.status_code == 200
    else:
        said = problem(response, 422, "invalid_parameter")
        assert " ".join(fault.pointer for fault in said.errors) == pointers
        assert {fault.message for fault in said.errors} == {"given more than once"}


@pytest.mark.parametrize(("depth", "found"), [(400, 1), (5_000, 0)])
@pytest.mark.parametrize(("begin", "end"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_deep_body_is_looked_through_or_let_be(
    depth: int, found: int, begin: bytes, end: bytes
) -> None:
    body = begin * depth + b'{"b": 1, "b": 2}' + end * depth
    assert len(given_twice(body, 0)) == found
    assert given_twice(b'{"a": ' + b"9" * 5000 + b"}", 0) == []  # nor is a long number a defect


@pytest.mark.parametrize("route", ["/readyz", "/healthz", "/info", "/v1/search?q=a"])
async def test_before_start_up_nothing_is_ready(engine: Engine, route: str) -> None:
    transport = httpx.ASGITransport(create_app(Settings(), engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        response = await client.get(route)
        problem(response, 503, "not_ready")
        assert response.headers["retry-after"] == "1"
        assert (await client.get("/livez")).status_code == 200


async def test_failure_after_the_answer_began_closes_the_connection() -> None:
    from service.admission import Admission
    from service.observer import Observer

    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half way")

    sent = []
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}

    async def send(message):
        sent.append(message)

    with pytest.raises(RuntimeError, match="half way"):
        await Observer(half, Settings(), Admission(8, 0.01))(scope, None, send)
    assert [message["type"] for message in sent] == ["http.response.start"]

"""CORS and compression: what other origins may read, and who gets answers as gzip."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from index.engine import Engine
from service.app import create_app
from service.compression import asks_for_gzip
from service.schemas import ProblemAnswer, SearchAnswer
from service.settings import (
    EncoderSettings,
    HttpSettings,
    KeySettings,
    Settings,
    SettingsError,
    load_settings,
)
from service.state import admission_of

pytestmark = pytest.mark.anyio
SHOP, OTHER = "https://shop.example", "https://evil.example"
PATIENT = EncoderSettings(max_wait_us=60_000_000)


@asynccontextmanager
async def serve(engine: Engine, *, keys=None, **http: object) -> AsyncIterator[httpx.AsyncClient]:
    # The version itself: there is nothing to watch.
    settings = Settings(
        index=engine.bundle.directory,
        encoder=PATIENT,
        http=HttpSettings(**http),
        keys=keys or KeySettings(),
    )
    app = create_app(settings, engine)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://shop",
            headers={"Accept-Encoding": "identity"},
        ) as client,
    ):
        client.app = app  # type: ignore[attr-defined]
        yield client


def preflight(origin: str, method: str = "POST", headers: str = "x-api-key,content-type") -> dict:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


async def test_a_listed_origin_may_ask_and_read(engine: Engine) -> None:
    async with serve(engine, origins=(SHOP,), keys=KeySettings(search_sha256=("0" * 64,))) as shop:
        allowed = await shop.options("/v1/search", headers=preflight(SHOP))
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == SHOP
        assert "X-API-Key" in allowed.headers["access-control-allow-headers"]
        assert allowed.headers["access-control-max-age"] == "600"
        assert allowed.headers["x-request-id"]
        refused = await shop.get("/v1/search?q=kettle", headers={"Origin": SHOP})
        assert refused.status_code == 401  # a problem can be read, too
        assert refused.headers["access-control-allow-origin"] == SHOP
        assert "Retry-After" in refused.headers["access-control-expose-headers"]
        assert refused.headers["vary"] == "Accept-Encoding, Origin"


async def test_every_problem_can_be_read(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(engine, origins=(SHOP,)) as shop:

        async def asked(method: str, path: str, **more: object) -> int:
            response = await shop.request(method, path, headers={"Origin": SHOP}, **more)
            assert response.headers["access-control-allow-origin"] == SHOP
            return response.status_code

        assert await asked("GET", "/v1/search?q=kettle") == 200
        assert await asked("GET", "/nope") == 404
        assert await asked("PUT", "/v1/search") == 405
        assert await asked("POST", "/v1/search", content=b"x" * 70_000) == 413
        assert await asked("GET", "/v1/search?q=") == 422
        admission = admission_of(shop.app)  # type: ignore[attr-defined]
        while admission.enter():
            pass
        assert await asked("GET", "/v1/search?q=kettle") == 429
        while admission.pending:
            admission.leave()
        monkeypatch.setattr(engine, "prepare", None)
        assert await asked("GET", "/v1/search?q=kettle&use_cache=false") == 500


async def test_others_may_not(engine: Engine) -> None:
    async with serve(engine, origins=(SHOP,)) as shop:
        for headers in (preflight(OTHER), preflight(SHOP, "DELETE"), preflight(SHOP, "GET", "x-y")):
            refused = await shop.options("/v1/search", headers=headers)
            problem = ProblemAnswer.model_validate_json(refused.content)
            assert (problem.status, problem.code) == (403, "cors_refused")
        answer = await shop.get("/v1/search?q=kettle", headers={"Origin": OTHER})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Accept-Encoding, Origin"
        assert (await shop.options("/v1/search")).status_code == 405  # no preflight


async def test_everybody_or_nobody(engine: Engine) -> None:
    async with serve(engine, origins=("*",)) as shop:
        answer = await shop.get("/livez", headers={"Origin": OTHER})
        assert answer.headers["access-control-allow-origin"] == "*"
    async with serve(engine) as shop:
        answer = await shop.get("/livez", headers={"Origin": OTHER})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert (await shop.options("/v1/search", headers=preflight(OTHER))).status_code == 405


@pytest.mark.parametrize("value", ["shop.example", "https://shop.example/", "https://a, https://b"])
def test_what_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GRADUS_HTTP__ORIGINS", f'["{value}"]')
    with pytest.raises(SettingsError, match="GRADUS_HTTP__ORIGINS"):
        load_settings()


@pytest.mark.parametrize(
    "path", ["/v1/search?q=red+kettle&min_tier=irrelevant", "/metrics", "/", "/openapi.json"]
)
async def test_gzip_for_who_asks(engine: Engine, path: str) -> None:
    async with serve(engine) as shop:
        plain = await shop.get(path)
        asking = shop.stream("GET", path, headers={"Accept-Encoding": "br, gzip"})
        async with asking as pressed:
            raw = b"".join([piece async for piece in pressed.aiter_raw()])
        assert "content-encoding" not in plain.headers
        assert plain.headers["vary"] == pressed.headers["vary"] == "Accept-Encoding"
        assert pressed.headers["content-encoding"] == "gzip"
        assert int(pressed.headers["content-length"]) == len(raw) < len(plain.content) / 2
        assert plain.headers.get("etag") == pressed.headers.get("etag")
        if path.startswith("/v1"):
            SearchAnswer.model_validate_json(gzip.decompress(raw))
        elif path != "/metrics":
            assert gzip.decompress(raw) == plain.content


async def test_what_is_small_or_empty_stays_as_it_is(engine: Engine) -> None:
    async with serve(engine, compress_bytes=100_000) as shop:
        gzipped = {"Accept-Encoding": "gzip"}
        small = await shop.get("/v1/search?q=kettle", headers=gzipped)
        assert "content-encoding" not in small.headers
        same = {**gzipped, "If-None-Match": small.headers["etag"]}
        empty = await shop.get("/v1/search?q=kettle", headers=same)
        assert (empty.status_code, empty.headers["vary"]) == (304, "Accept-Encoding")
    async with serve(engine, compress_bytes=0) as shop:
        off = await shop.get("/metrics", headers=gzipped)
        assert not {"vary", "content-encoding"} & off.headers.keys()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, False),
        (b"", False),
        (b"identity", False),
        (b"gzip", True),
        (b"br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        (b"gzip;q=0", False),
        (b"br, gzip; q=0.000 , deflate", False),
        (b"gzip;q=0.001", True),
    ],
)
def test_asking_for_gzip(value: bytes | None, wanted: bool) -> None:
    headers = [] if value is None else [(b"accept-encoding", value)]
    assert asks_for_gzip(headers) is wanted

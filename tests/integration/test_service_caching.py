"""`ETag` and `If-None-Match`: a tag holds exactly as long as the answer would be the same."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI

from index.engine import Engine
from service.app import create_app
from service.settings import EncoderSettings, HttpSettings, KeySettings, Settings
from service.state import live_index, ready_engine

pytestmark = pytest.mark.anyio
PATIENT = EncoderSettings(max_wait_us=60_000_000)


async def tag(client: httpx.AsyncClient, path: str) -> str:
    response = await client.get(path)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, no-cache"
    return response.headers["etag"]


async def test_a_tag_may_stand_in_any_of_several_lines(client: httpx.AsyncClient) -> None:
    known = await tag(client, "/v1/search?q=red+kettle")
    for lines in (('"other"', known), (known, '"other"')):
        headers = [("If-None-Match", line) for line in lines]
        assert (await client.get("/v1/search?q=red+kettle", headers=headers)).status_code == 304
    headers = [("If-None-Match", '"other"'), ("If-None-Match", '"one more"')]
    assert (await client.get("/v1/search?q=red+kettle", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/search?q=red+kettle", "/v1/suggest?q=ket"])
async def test_what_still_holds_is_not_sent_again(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    known = await tag(client, path)
    assert known.startswith('W/"')
    engine = ready_engine(app)
    for part in ("prepare", "answer"):
        monkeypatch.setattr(engine, part, None)  # nothing is searched
    monkeypatch.setattr(engine, "suggester", None)
    for asked in (known, known.removeprefix("W/"), f'"other", {known}', "*"):
        for method in ("GET", "HEAD"):
            response = await client.request(method, path, headers={"If-None-Match": asked})
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == known
            assert response.headers["cache-control"] == "public, no-cache"
            assert response.headers["x-request-id"]


async def test_the_tag_is_of_the_request_as_it_is_understood(client: httpx.AsyncClient) -> None:
    first = await tag(client, "/v1/search?q=red+kettle")
    for same in ("limit=20&q=red+kettle", "q=red%20kettle&offset=0&min_tier=substitute"):
        assert await tag(client, f"/v1/search?{same}") == first
    assert await tag(client, "/v1/search?q=red+kettle&timeout_ms=60000") == first
    others = ("limit=21", "offset=1", "mode=lexical", "alpha=0.5", "fields=title", "explain=true")
    tags = {await tag(client, f"/v1/search?q=red+kettle&{one}") for one in others}
    assert len(tags | {first, await tag(client, "/v1/search?q=Red+kettle")}) == len(others) + 2
    other = {"If-None-Match": first}
    assert (await client.get("/v1/search?q=blue+kettle", headers=other)).status_code == 200


async def test_equal_searches_that_arrive_together_are_carried_out_once(
    engine: Engine, built_index, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, carried_out = (
        create_app(Settings(index=built_index, answers=10, encoder=PATIENT), engine),
        [],
    )
    answer = engine.answer
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client,
    ):
        monkeypatch.setattr(
            engine, "answer", lambda *arguments: carried_out.append(1) or answer(*arguments)
        )
        path = "/v1/search?q=kettle&timeout_ms=30000"
        responses = await asyncio.gather(*(client.get(path) for _ in range(12)))
        assert {response.status_code for response in responses} == {200}
        assert len({json.dumps(response.json()["hits"]) for response in responses}) == 1
        assert len(carried_out) == 1
        await asyncio.gather(*(client.get(f"{path}&use_cache=false") for _ in range(3)))
        assert len(carried_out) == 1 + 3


async def test_updates_versions_and_rules_make_other_tags(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/v1/search?q=red+kettle"
    first = await tag(client, path)
    generation = live_index(app).generation
    generation.sequence += 1
    updated = await tag(client, path)
    generation.sequence -= 1
    assert await tag(client, path) == first
    monkeypatch.setitem(generation.__dict__, "identity", "of another version")
    assert len({first, updated, await tag(client, path)}) == 3


async def test_an_answer_of_a_state_gone_by_is_not_kept(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation, engine = live_index(app).generation, ready_engine(app)
    real = engine.answer

    def answer(*args):
        generation.sequence += 1
        return real(*args)

    monkeypatch.setattr(engine, "answer", answer)
    response = await client.get("/v1/search?q=red+kettle")
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


async def test_what_is_degraded_or_not_to_be_kept_is_not(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(texts: object) -> None:
        raise RuntimeError("no such device")

    fresh = await client.get("/v1/search?q=red+kettle&use_cache=false")
    posted = await client.post("/v1/search", json={"q": "red kettle"})
    monkeypatch.setattr(ready_engine(app).encoder, "encode_queries", fails)
    degraded = await client.get("/v1/search?q=never+asked+before+red+kettle")
    assert degraded.json()["degraded"] == ["encoder:failed"]
    for response in (fresh, posted, degraded):
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"http": HttpSettings(max_age_seconds=60)}, "public, max-age=60"),
        ({"http": HttpSettings(etag=False)}, "no-store"),
        ({"keys": KeySettings(search_sha256=("0" * 64,))}, "private, no-cache"),
    ],
)
async def test_cache_control_follows_the_settings(
    engine: Engine, built_index, settings: dict, wanted: str
) -> None:
    app = create_app(Settings(index=built_index, encoder=PATIENT, **settings), engine)
    app.state.access = None
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client,
    ):
        response = await client.get("/v1/search?q=kettle")
        assert response.headers["cache-control"] == wanted
        assert ("etag" in response.headers) is (wanted != "no-store")


async def test_rules_are_part_of_the_identity(engine: Engine, app: FastAPI) -> None:
    async with app.router.lifespan_context(app):
        generation = live_index(app).generation
        first = generation.identity
        del generation.__dict__["identity"]
        assert generation.identity == first
        ruled = engine.over(engine.bundle)
        ruled.refiner = type(engine.refiner)(engine.bundle, _rules())
        del generation.__dict__["identity"]
        generation.engine = ruled
        assert generation.identity != first


def _rules():
    from index.rules import Rule, Rules

    return Rules((Rule(("kettle",), "exact", ("p000",), ()),))

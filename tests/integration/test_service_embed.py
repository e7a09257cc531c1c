"""`/v1/embed`: the vectors that searches work with."""

from __future__ import annotations

import asyncio

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from export.bundle import EncoderBundle
from index.engine import Engine
from service.app import create_app
from service.embed import EmbedAnswer
from service.schemas import ProblemAnswer
from service.settings import EncoderSettings, Settings
from service.state import live_index, ready_engine

pytestmark = pytest.mark.anyio


async def embed(client: httpx.AsyncClient, *texts: str, **more: object) -> httpx.Response:
    return await client.post("/v1/embed", json={"texts": texts, **more})


@pytest.mark.parametrize("side", ["query", "item"])
async def test_vectors_are_the_encoders(
    client: httpx.AsyncClient, engine: Engine, side: str
) -> None:
    texts = ["Red  KETTLE", "oat milk", "red kettle"]
    response = await embed(client, *texts, side=side)
    assert response.status_code == 200
    answer = EmbedAnswer.model_validate_json(response.content)
    wanted = engine.encoder.encode_queries(["red kettle", "oat milk", "red kettle"])
    assert np.allclose(answer.vectors, wanted, atol=1e-6)
    assert (answer.side, answer.dims, answer.normalized) == (side, engine.encoder.dim, True)
    assert (answer.encoder, answer.index) == (engine.encoder.fingerprint, engine.bundle.version)


async def test_sides_of_a_real_bundle_differ_as_its_own(served_index, tiny_bundle) -> None:
    app = create_app(
        Settings(index=served_index, encoder=EncoderSettings(max_wait_us=60_000_000, threads=2))
    )
    bundle = EncoderBundle.load(tiny_bundle)
    texts = [f"red {kind} {number}" for number in range(20) for kind in ("kettle", "socks")]
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        for side, encode in (("query", bundle.encode_queries), ("item", bundle.encode_items)):
            found = (await embed(client, *texts, side=side)).json()
            assert np.array_equal(np.float32(found["vectors"]), encode(texts))


async def test_nothing_that_the_encoder_reads_is_not_normalised(client: httpx.AsyncClient) -> None:
    answer = (await embed(client, "🦄")).json()
    assert answer["normalized"] is False


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/texts"),
        ({"texts": []}, "#/texts"),
        ({"texts": "kettle"}, "#/texts"),
        ({"texts": ["a", 5]}, "#/texts/1"),
        ({"texts": ["a", " \u0000"]}, "#/texts/1"),
        ({"texts": ["a", "x" * 10_001]}, "#/texts/1"),
        ({"texts": ["a"] * 65}, "#/texts"),
        ({"texts": ["a"], "side": "product"}, "#/side"),
        ({"texts": ["a"], "q": "b"}, "#/q"),
    ],
)
async def test_wrong_texts(client: httpx.AsyncClient, body: object, pointer: str) -> None:
    response = await client.post("/v1/embed", json=body)
    found = ProblemAnswer.model_validate_json(response.content)
    assert (found.status, [fault.pointer for fault in found.errors]) == (422, [pointer])


async def test_an_encoder_out_of_order_is_said(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = ready_engine(app).encoder
    zeros = lambda texts: np.full((len(texts), encoder.dim), np.nan, np.float32)  # noqa: E731
    monkeypatch.setattr(encoder, "encode_queries", zeros)
    response = await embed(client, "red kettle")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["retry-after"] == "1"


async def test_a_search_does_not_stand_behind_texts(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    encoder, let_go = ready_engine(app).encoder, threading.Event()
    real = encoder.encode_queries

    def encode(texts):
        if "tea 0" in texts:
            let_go.wait(10)
        return real(texts)

    monkeypatch.setattr(encoder, "encode_queries", encode)
    waiting = asyncio.create_task(embed(client, "tea 0", "tea 1"))
    await asyncio.sleep(0.05)
    answer = (await client.get("/v1/search?q=red+kettle")).json()
    assert (answer["degraded"], waiting.done()) == ([], False)
    let_go.set()
    assert (await waiting).status_code == 200
    late = asyncio.create_task(embed(client, "tea 0 again", timeout_ms=20))
    assert (await late).status_code in (200, 504)


async def test_texts_that_take_too_long(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    let_go = threading.Event()
    encoder = ready_engine(app).encoder
    real = encoder.encode_queries
    monkeypatch.setattr(encoder, "encode_queries", lambda texts: (let_go.wait(10), real(texts))[1])
    response = await embed(client, "tea", timeout_ms=30)
    let_go.set()
    assert (response.status_code, response.json()["code"]) == (504, "deadline_exceeded")
    assert not live_index(app).generation.encoder.down

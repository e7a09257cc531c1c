"""`/v1/search:batch`: each answer is the one its search would have had alone."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from index.engine import Engine
from service.app import create_app
from service.batch import BatchAnswer
from service.schemas import ProblemAnswer
from service.settings import EncoderSettings, LimitSettings, Settings
from service.state import admission_of, live_index, ready_engine

pytestmark = pytest.mark.anyio
OWN = ("request_id", "query_id", "timing_ms")


async def batch(client: httpx.AsyncClient, *searches: object, **more: object) -> httpx.Response:
    return await client.post("/v1/search:batch", json={"searches": searches, **more})


def without_own(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name not in OWN}


async def test_each_answer_is_that_of_the_search_alone(client: httpx.AsyncClient) -> None:
    searches = [
        {"q": "red kettle", "limit": 3, "explain": True},
        {"q": "oat milk", "mode": "lexical", "facets": ["brand"]},
        {"q": "red kettle", "use_cache": False},
        {"q": "🦄🦄"},
        {"q": "wool socks", "mode": "semantic", "min_tier": "irrelevant", "offset": 2},
    ]
    response = await batch(client, *searches)
    assert response.status_code == 200
    body = BatchAnswer.model_validate_json(response.content)
    assert body.request_id == response.headers["x-request-id"]
    assert response.headers["cache-control"] == "no-store"
    results = response.json()["results"]
    for search, result in zip(searches, results, strict=True):
        alone = (await client.post("/v1/search", json=search)).json()
        assert without_own(result) == without_own(alone)
    assert len({result["query_id"] for result in results}) == len(searches)
    assert {"total", "queue", "encode", "search"} <= body.timing_ms.keys()


async def test_a_problem_stands_in_its_place(client: httpx.AsyncClient) -> None:
    searches = [
        {"q": "kettle"},
        {"q": "kettle", "limit": 0, "vector": [1]},
        "kettle",
        {"q": " "},
        {"q": "kettle", "filter": "price <"},
        {"q": "kettle", "timeout_ms": 50},
        {"q": "kettle", "limit": "5"},
        {"q": "socks"},
    ]
    response = await batch(client, *searches)
    assert response.status_code == 200
    results = BatchAnswer.model_validate_json(response.content).results
    wrong = {
        number: (one.status, one.code, [fault.pointer for fault in one.errors], one.request_id)
        for number, one in enumerate(results)
        if isinstance(one, ProblemAnswer)
    }
    own = response.headers["x-request-id"]
    assert wrong == {
        1: (422, "invalid_parameter", ["#/searches/1/limit", "#/searches/1/vector"], own),
        2: (422, "invalid_parameter", ["#/searches/2"], own),
        3: (422, "invalid_query", ["#/searches/3/q"], own),
        4: (422, "invalid_query", ["#/searches/4/filter"], own),
        5: (422, "invalid_parameter", ["#/searches/5/timeout_ms"], own),
        6: (422, "invalid_parameter", ["#/searches/6/limit"], own),
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/searches"),
        ({"searches": []}, "#/searches"),
        ({"searches": "kettle"}, "#/searches"),
        ({"searches": [{"q": "a"}] * 51}, "#/searches"),
        ({"searches": [{"q": "a"}], "limit": 3}, "#/limit"),
        ({"searches": [{"q": "a"}], "timeout_ms": 0}, "#/timeout_ms"),
        ([], "#"),
    ],
)
async def test_wrong_batches(client: httpx.AsyncClient, body: object, pointer: str) -> None:
    response = await client.post("/v1/search:batch", json=body)
    assert response.status_code == 422
    found = ProblemAnswer.model_validate_json(response.content)
    assert [fault.pointer for fault in found.errors] == [pointer]


async def test_texts_are_encoded_once_and_together(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    encoder = ready_engine(app).encoder
    real = encoder.encode_queries
    monkeypatch.setattr(encoder, "encode_queries", lambda texts: calls.append(texts) or real(texts))
    texts = [f"kettle number {number}" for number in range(40)]
    response = await batch(client, *({"q": text} for text in texts * 1), {"q": texts[0]})
    assert all("status" not in one for one in response.json()["results"])
    assert sorted(text for call in calls for text in call) == sorted(texts)
    assert len(calls) <= 3  # the thread may have begun before the last text was there
    await batch(client, *({"q": text} for text in texts))
    assert sum(map(len, calls)) == len(texts)  # kept from the first time


async def test_a_failing_encoder_leaves_the_words(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(texts: object) -> None:
        raise RuntimeError("no such device")

    monkeypatch.setattr(ready_engine(app).encoder, "encode_queries", fails)
    searches = [{"q": "red kettle"}, {"q": "socks", "mode": "lexical"}]
    one, other = (await batch(client, *searches)).json()["results"]
    assert (one["degraded"], other["degraded"]) == (["encoder:failed"], [])
    assert one["hits"]


async def test_searches_after_the_deadline_are_problems(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ready_engine(app)
    real, seen = engine.answer, []

    def slow(*args):
        from time import sleep

        seen.append(1)
        sleep(0.6 if len(seen) == 2 else 0)
        return real(*args)

    monkeypatch.setattr(engine, "answer", slow)
    searches = [{"q": f"kettle {number}", "mode": "lexical"} for number in range(4)]
    response = await batch(client, *searches, timeout_ms=500)
    assert response.status_code == 200
    statuses = [one.get("status", 200) for one in response.json()["results"]]
    assert statuses == [200, 200, 504, 504]


async def test_each_counts_as_a_search(engine: Engine, built_index) -> None:
    limits = LimitSettings(burst=8, timeout_ms=60_000)
    app = create_app(
        Settings(index=built_index, limits=limits, encoder=EncoderSettings(max_wait_us=60_000_000)),
        engine,
    )
    admission = admission_of(app)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        alone = await batch(client, *[{"q": "kettle"}] * 30)  # nobody else is kept waiting
        assert alone.status_code == 200
        assert admission.enter()
        assert (await batch(client, *[{"q": "kettle"}] * 7)).status_code == 200
        refused = await batch(client, *[{"q": "kettle"}] * 8)
        assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
        assert refused.headers["retry-after"]
        assert admission.pending == 1
        embedded = await client.post("/v1/embed", json={"texts": ["tea"] * 8})
        assert (embedded.status_code, admission.pending) == (429, 1)
        admission.leave()
    assert admission.pending == 0


async def test_a_body_larger_than_that_of_one_search(client: httpx.AsyncClient) -> None:
    filled = [{"q": "kettle " * 250} for _ in range(50)]
    assert (await batch(client, *filled)).status_code == 200
    refused = await client.post("/v1/search:batch", content=b" " * 1_048_577)
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


async def test_one_state_of_the_index_for_all(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = live_index(app).generation
    first = generation.engine
    real, seen = first.answer, []

    def answer(*args):
        seen.append(1)
        generation.engine = first.plain()  # as a live update does
        return real(*args)

    monkeypatch.setattr(first, "answer", answer)
    await batch(client, *({"q": f"kettle {number}"} for number in range(5)))
    assert len(seen) == 5

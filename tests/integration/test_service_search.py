"""`/v1/search`: the answer's shape, its parameters, and that it is the engine's own answer."""

from __future__ import annotations

import json
import logging

import httpx
import pytest
from fastapi import FastAPI

from catalog.split import query_hash
from index.engine import Engine
from index.request import SearchRequest
from service.app import create_app
from service.parameters import SearchParameters
from service.schemas import SearchAnswer
from service.settings import LogSettings, Settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "query",
    [
        "q=red+kettle",
        "q=red+kettle&explain=true&limit=3&offset=2",
        "q=oat+milk&mode=lexical&explain=true",
        "q=oat+milk&mode=semantic&explain=true&min_tier=irrelevant&exact=true",
        "q=zzxxqqy",
        "q=%F0%9F%98%80%F0%9F%98%80",
        "q=oat%00%07+milk",
        "q=kettle&offset=900&limit=100",
    ],
)
async def test_answers_are_what_openapi_declares(client: httpx.AsyncClient, query: str) -> None:
    response = await client.get(f"/v1/search?{query}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = SearchAnswer.model_validate_json(response.content)
    assert answer.request_id == response.headers["x-request-id"]
    assert all(("explain" in hit) == ("explain" in query) for hit in response.json()["hits"])


async def test_answer_is_the_engines(client: httpx.AsyncClient, engine: Engine) -> None:
    wanted = engine.search(SearchRequest("blue rain jacket", limit=7, offset=2))
    body = (await client.get("/v1/search?q=blue+rain+jacket&limit=7&offset=2")).json()
    assert [(hit["id"], hit["rank"], hit["relevance"], hit["tier"]) for hit in body["hits"]] == [
        (hit.id, hit.rank, hit.relevance, hit.tier) for hit in wanted.hits
    ]
    assert body["hits"][0]["fields"] == wanted.hits[0].product
    assert body["total"] == {"value": wanted.total.value, "relation": wanted.total.relation}
    assert body["tier_counts"] == wanted.tier_counts
    assert body["page"] == {"limit": 7, "offset": 2}


async def test_get_and_post_agree(client: httpx.AsyncClient) -> None:
    asked = {"q": "wool socks", "limit": 5, "offset": 1, "mode": "lexical"}
    asked |= {"min_tier": "irrelevant", "exact": True, "explain": True}
    posted = (await client.post("/v1/search", json=asked)).json()
    got = (
        await client.get("/v1/search", params={**asked, "exact": "true", "explain": "true"})
    ).json()
    for own in ("request_id", "query_id", "timing_ms"):
        assert posted.pop(own) != got.pop(own)
    assert posted == got


async def test_nothing_worth_showing_says_so(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/search", params={"q": "🦄🦄"})).json()
    assert body["hits"] == []
    assert body["no_confident_match"] is True


async def test_server_timing_names_every_stage(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/search?q=kettle")
    stages = [part.split(";")[0] for part in response.headers["server-timing"].split(", ")]
    assert stages == list(response.json()["timing_ms"])
    assert {"total", "encode", "dense", "lexical"} <= set(stages)


async def test_request_id_is_echoed_or_made(client: httpx.AsyncClient) -> None:
    async def sent(name: str) -> str:
        response = await client.get("/livez", headers={"X-Request-ID": name})
        echoed: str = response.headers["x-request-id"]
        return echoed

    assert await sent("shop-42.a:b_C") == "shop-42.a:b_C"
    for harmful in ("a b", 'x"y', "x" * 101, "", "{}"):
        made = await sent(harmful)
        assert made != harmful
        assert len(made) == 26


@pytest.mark.parametrize("wanted", ["off", "on", "hash"])
async def test_log_line_holds_the_query_only_when_asked(
    engine: Engine, wanted: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(log=LogSettings(query=wanted))
    app = create_app(settings, engine)
    with caplog.at_level(logging.INFO, "gradus.access"):
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client,
        ):
            response = await client.get("/v1/search?q=secret+kettle&limit=3&min_tier=irrelevant")
    (record,) = (record for record in caplog.records if record.name == "gradus.access")
    fields = record.fields  # type: ignore[attr-defined]
    assert fields["request_id"] == response.headers["x-request-id"]
    assert (fields["route"], fields["status"], fields["hits"]) == ("/v1/search", 200, 3)
    assert ("secret" in json.dumps(fields)) is (wanted == "on")
    assert fields.get("q_hash") == (query_hash("secret kettle") if wanted == "hash" else None)


async def test_openapi_documents_answer_parameters_and_problems(app: FastAPI) -> None:
    document = app.openapi()
    get, post = (document["paths"]["/v1/search"][method] for method in ("get", "post"))
    names = [one["name"] for one in get["parameters"] if one["in"] == "query"]
    assert names == list(SearchParameters.model_fields)
    body = post["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["properties"]) == names
    assert body["additionalProperties"] is False
    for operation, statuses in ((get, "405 422 500 503"), (post, "405 413 415 422 500 503")):
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer == {"$ref": "#/components/schemas/SearchAnswer"}
        for status in statuses.split():
            problem = operation["responses"][status]["content"]["application/problem+json"]
            for example in problem["examples"].values():
                assert example["value"]["status"] == int(status)
    assert "HTTPValidationError" not in document["components"]["schemas"]

"""`alpha` and `min_relevance`, HEAD wherever GET is answered, and what no route takes."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from index.engine import Engine
from service.app import create_app
from service.schemas import ProblemAnswer
from service.settings import KeySettings, Settings

pytestmark = pytest.mark.anyio


async def found(client: httpx.AsyncClient, **asked: object) -> dict:
    response = await client.post("/v1/search", json={"q": "red kettle", **asked})
    assert response.status_code == 200, response.text
    answer: dict = response.json()
    return answer


async def test_min_relevance_cuts_the_list_and_every_count(client: httpx.AsyncClient) -> None:
    every = {"limit": 100, "facets": ["brand"]}
    whole = await found(client, **every)
    relevances = sorted({hit["relevance"] for hit in whole["hits"]})
    assert len(relevances) > 3
    for least in (0.0, relevances[1], relevances[-2], relevances[-1], 1.0):
        part = await found(client, min_relevance=least, **every)
        kept = [hit for hit in whole["hits"] if hit["relevance"] >= least]
        assert [(hit["id"], hit["rank"]) for hit in part["hits"]] == [
            (hit["id"], hit["rank"]) for hit in kept
        ]
        assert part["total"]["value"] == len(kept) == sum(part["tier_counts"].values())
        assert sum(value["count"] for value in part["facets"]["brand"]) == len(kept)
        window = await found(client, min_relevance=least, **every | {"limit": 2, "offset": 1})
        assert window["total"] == part["total"]
        assert window["tier_counts"] == part["tier_counts"]


async def test_min_relevance_and_min_tier_hold_together(client: httpx.AsyncClient) -> None:
    plain = await found(client, limit=100)
    assert (await found(client, limit=100, min_relevance=0.0))["hits"] == plain["hits"]
    strict = await found(client, limit=100, min_tier="exact", min_relevance=0.01)
    assert all(hit["tier"] == "exact" for hit in strict["hits"])


async def test_alpha_weighs_the_arms_and_says_what_it_costs(client: httpx.AsyncClient) -> None:
    shown = {"explain": True, "min_tier": "irrelevant"}
    for alpha in (0, 0.25, 1.0):
        answer = await found(client, alpha=alpha, **shown)
        assert answer["index"]["calibration"] == "not_covered"
        for hit in answer["hits"]:
            told = hit["explain"]
            assert told["alpha"] == alpha
            blend = alpha * told["semantic"] + (1 - alpha) * told["lexical"]
            assert told["score"] == pytest.approx(blend, abs=1e-6)
        assert all(one["rank"] + 1 == two["rank"] for one, two in pairwise(answer["hits"]))
    assert (await found(client, **shown))["index"]["calibration"] != "not_covered"


@pytest.mark.parametrize("name", ["alpha", "min_relevance"])
async def test_shares_outside_their_range(client: httpx.AsyncClient, name: str) -> None:
    for value in ("-0.01", "1.01", "nan", "inf", "-inf", "much", "", "1e400"):
        response = await client.get("/v1/search", params={"q": "kettle", name: value})
        assert response.status_code == 422, value
        body = ProblemAnswer.model_validate_json(response.content)
        told = body.code, body.errors[0].pointer
        assert told == ("invalid_parameter", f"#/{name}"), value


async def test_alpha_without_two_arms(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/search?q=kettle&mode=lexical&alpha=0.5")
    body = ProblemAnswer.model_validate_json(response.content)
    assert (body.status, body.code, body.errors[0].pointer) == (422, "invalid_query", "#/alpha")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/search?q=kettle",
        "/v1/suggest?q=ket",
        "/livez",
        "/info",
        "/metrics",
        "/",
        "/workbench",
        "/docs",
    ],
)
async def test_head_is_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    changing = {"x-request-id", "server-timing", "content-length"}
    assert head.headers.keys() == got.headers.keys()
    for name in head.headers.keys() - changing:
        assert head.headers[name] == got.headers[name]


async def test_head_where_there_is_no_get(client: httpx.AsyncClient) -> None:
    refused = await client.head("/v1/indexes:rollback")
    assert refused.status_code == 405
    assert "HEAD" in (await client.put("/livez")).headers["allow"]
    assert "HEAD" not in refused.headers["allow"]


async def test_routes_that_take_nothing_in_their_address_refuse_what_is_there(
    built_index: Path, engine: Engine
) -> None:
    keys = KeySettings(admin_sha256=(sha256(b"key").hexdigest(),))
    app = create_app(Settings(index=built_index, keys=keys), engine)
    operations = {
        (method, path): operation["responses"]
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
        if (path.startswith("/v1/") or path == "/info")
        and not any(one["in"] == "query" for one in operation.get("parameters", ()))
    }
    assert len(operations) == 12
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client,
    ):
        for (method, path), responses in operations.items():
            place = path.replace("{id}", "sku-1").replace("{version}", "v")
            sent = f"{place}?limit=1&bogus=&limit=2"
            response = await client.request(method, sent, headers={"X-API-Key": "key"})
            problem = ProblemAnswer.model_validate_json(response.content)
            assert (response.status_code, problem.code) == (422, "invalid_parameter"), sent
            assert [fault.pointer for fault in problem.errors] == ["#/limit", "#/bogus"]
            assert "422" in responses
            if path.startswith("/v1/indexes"):
                assert (await client.request(method, sent)).status_code == 401  # before all else
        many = "&".join(f"p{number}=" for number in range(1000))
        response = await client.post(f"/v1/search?{many}", json={"q": "kettle"})
        assert len(response.json()["errors"]) == 20
        assert (await client.post("/v1/search?", json={"q": "kettle"})).status_code == 200

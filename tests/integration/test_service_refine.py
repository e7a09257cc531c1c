"""Filters, facets, sorting, fields, highlights and groups over HTTP, wrong ones included."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from index.engine import Engine
from index.rules import Rule, Rules
from service.app import create_app
from service.schemas import ProblemAnswer, SearchAnswer
from service.settings import Settings

pytestmark = pytest.mark.anyio
ASKED = {
    "q": "red kettle",
    "min_tier": "irrelevant",
    "limit": 2,
    "filter": 'price < 60 AND NOT brand = "Corvo"',
    "facets": ["brand", "price", "in_stock"],
    "sort": ["price:desc"],
    "fields": ["title", "price", "colour"],
    "highlight": ["title"],
    "group_by": "colour",
}


async def test_everything_at_once_by_body_and_by_query_string(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/search", json=ASKED)
    assert response.status_code == 200, response.text
    answer = SearchAnswer.model_validate_json(response.content)
    assert len(answer.hits) == 2
    for hit in answer.hits:
        assert list(hit.fields) == ["title", "price", "colour"]
        assert hit.fields["price"] < 60
        assert hit.group is not None
        assert hit.group.value == hit.fields["colour"]
    assert "<mark>" in answer.hits[0].highlight["title"]  # type: ignore[index]
    assert "Corvo" not in [entry.value for entry in answer.facets["brand"]]
    assert set(answer.facets) == {"brand", "in_stock"}
    assert answer.facet_stats["price"].max < 60  # type: ignore[operator]
    assert answer.plan["filter"] == "exact_scan"
    text = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in ASKED.items()
    }
    got = (await client.get("/v1/search", params=text)).json()
    posted = response.json()
    for own in ("request_id", "query_id", "timing_ms"):
        assert posted.pop(own) != got.pop(own)
    assert posted == got


async def test_plain_answers_hold_empty_facets_and_bare_hits(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/search?q=kettle&filter=&facets=&highlight=false")).json()
    assert (body["facets"], body["facet_stats"]) == ({}, {})
    assert set(body["hits"][0]) == {"id", "rank", "relevance", "tier", "fields"}
    assert "filter" not in body["plan"]


async def test_highlight_true_is_the_title(client: httpx.AsyncClient) -> None:
    for asked in (True, "true", "title", ["title"]):
        body = (await client.post("/v1/search", json={"q": "kettle", "highlight": asked})).json()
        assert set(body["hits"][0]["highlight"]) == {"title"}


WRONG_WISHES = [
    ("filter", "price <", "at character 8"),
    ("filter", "prise < 5", "Did you mean price?"),
    ("filter", "x" * 5000, "too long"),
    ("filter", "((((", "at character 5"),
    ("facets", "brnd", "Did you mean brand?"),
    ("sort", "brand", "texts have no order"),
    ("sort", "newest", "one date column"),
    ("fields", "nothing", "there is no field"),
    ("highlight", "price", "not highlighted"),
    ("lang", "fr", "expected en"),
    ("group_by", "category", "several values"),
]
WRONG_TYPES = [
    ("facets", 5),
    ("facets", ["brand", 5]),
    ("facets", ["brand"] * 101),
    ("fields", {"a": 1}),
    ("sort", True),
    ("sort", None),
    ("highlight", 1.5),
    ("highlight", 1),
    ("highlight", [True]),
    ("filter", ["price < 5"]),
    ("filter", None),
    ("group_by", ["brand"]),
]


async def test_wrong_wishes_point_at_their_parameter(client: httpx.AsyncClient) -> None:
    for name, value, says in WRONG_WISHES:
        for response in (
            await client.get("/v1/search", params={"q": "kettle", name: value}),
            await client.post("/v1/search", json={"q": "kettle", name: value}),
        ):
            assert response.status_code == 422, (name, value)
            problem = ProblemAnswer.model_validate_json(response.content)
            assert problem.code == "invalid_query", (name, value)
            assert [fault.pointer for fault in problem.errors] == [f"#/{name}"], value
            assert says in problem.detail, (name, value)


async def test_wrong_types_are_refused(client: httpx.AsyncClient) -> None:
    for name, value in WRONG_TYPES:
        response = await client.post("/v1/search", json={"q": "kettle", name: value})
        assert response.status_code == 422, (name, value)
        problem = ProblemAnswer.model_validate_json(response.content)
        assert problem.code == "invalid_parameter", (name, value)
        assert {fault.pointer.split("/")[1] for fault in problem.errors} == {name}, value


async def test_a_pinned_hit_says_so(built_index: Path, engine: Engine) -> None:
    pinned = engine.bundle.store.ids[7]
    rules = Rules((Rule(("red kettle",), pin=(pinned,)),))
    app = create_app(Settings(index=built_index), Engine(engine.bundle, engine.encoder, rules))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client,
    ):
        answer = SearchAnswer.model_validate_json(
            (await client.get("/v1/search?q=Red++kettle")).content
        )
    assert (answer.hits[0].id, answer.hits[0].rule) == (pinned, "pinned")
    assert answer.hits[1].rule is None
    assert answer.total.value == sum(answer.tier_counts.values())

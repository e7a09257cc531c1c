"""Completion, correction and language over HTTP."""

from __future__ import annotations

import httpx
import pytest

from index.engine import Engine
from service.schemas import ProblemAnswer, SearchAnswer
from service.suggest import SuggestAnswer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "query", ["q=ket", "q=rain+jak&limit=3", "q=", "q=%F0%9F%98%80", "q=oat%00mi", "q=milk+alm+"]
)
async def test_completions_are_what_openapi_declares(
    client: httpx.AsyncClient, engine: Engine, query: str
) -> None:
    response = await client.get(f"/v1/suggest?{query}")
    assert response.status_code == 200
    answer = SuggestAnswer.model_validate_json(response.content)
    assert engine.suggester is not None
    wanted = engine.suggester.suggest(answer.query, 3 if "limit" in query else 8)
    assert [(one.text, one.kind, one.match) for one in answer.suggestions] == [
        (one.entry["text"], one.entry["kind"], one.match) for one in wanted
    ]
    assert answer.index == engine.bundle.version
    assert response.headers["server-timing"].startswith("total;dur=")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("", "#/q"), ("q=a&limit=0", "#/limit"), ("q=a&offset=1", "#/offset"), ("q=a&q=b", "#/q")],
)
async def test_wrong_completions_are_refused(
    client: httpx.AsyncClient, query: str, pointer: str
) -> None:
    response = await client.get(f"/v1/suggest?{query}")
    assert response.status_code == 422
    problem = ProblemAnswer.model_validate_json(response.content)
    assert problem.errors[0].pointer == pointer
    if "offset" in query:
        assert "known are q, limit" in problem.errors[0].message


async def test_corrections_are_reported_and_can_be_turned_off(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/search?q=red+ketle")).json()
    SearchAnswer.model_validate(body)
    assert body["query"] == {
        "raw": "red ketle",
        "normalized": "red kettle",
        "corrections": [{"from": "ketle", "to": "kettle"}],
        "dropped_terms": 0,
    }
    off = (await client.post("/v1/search", json={"q": "red ketle", "correct": False})).json()
    assert off["query"]["corrections"] == []
    assert off["query"]["normalized"] == "red ketle"


async def test_a_language_that_the_index_does_not_speak(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/search?q=kettle&lang=en-GB")).status_code == 200
    response = await client.get("/v1/search?q=lait&lang=fr")
    problem = ProblemAnswer.model_validate_json(response.content)
    assert (problem.status, problem.code) == (422, "invalid_query")
    assert "expected en, found 'fr'" in problem.detail

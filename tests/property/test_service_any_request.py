"""Whatever is asked, the answer is one of the two declared shapes, and never our own failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.engine import Engine
from service.app import create_app
from service.batch import BatchAnswer
from service.embed import EmbedAnswer
from service.schemas import ProblemAnswer, SearchAnswer
from service.settings import EncoderSettings, Settings

Ask = Callable[..., httpx.Response]
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
# Plausible values beside arbitrary ones, so that the good path is met as often as the bad.
PARAMETERS = st.fixed_dictionaries(
    {"q": st.text(max_size=60) | st.just("red kettle") | ANY_JSON},
    optional={
        "limit": st.integers(-1, 102) | ANY_JSON,
        "offset": st.integers(-1, 1_001) | ANY_JSON,
        "mode": st.sampled_from(["hybrid", "lexical", "semantic", ""]) | ANY_JSON,
        "min_tier": st.sampled_from(["exact", "substitute", "irrelevant"]) | ANY_JSON,
        "alpha": st.floats(-0.1, 1.1) | ANY_JSON,
        "min_relevance": st.floats(-0.1, 1.1) | ANY_JSON,
        "exact": st.booleans() | ANY_JSON,
        "explain": st.booleans() | ANY_JSON,
        "timeout_ms": st.integers(5_000, 60_001) | ANY_JSON,
        "use_cache": st.booleans() | ANY_JSON,
        "filter": st.sampled_from(["price < 9", 'brand = "Corvo"', "price <"]) | ANY_JSON,
        "facets": st.sampled_from(["brand,price", ["colour"], "nothing"]) | ANY_JSON,
        "sort": st.sampled_from(["price:asc", ["stock", "price"], "newest"]) | ANY_JSON,
        "fields": st.sampled_from(["title", ["price", "colour"], ""]) | ANY_JSON,
        "highlight": st.sampled_from([True, "title,brand", ["description"]]) | ANY_JSON,
        "group_by": st.sampled_from(["brand", "colour", "price", ""]) | ANY_JSON,
        "other": st.just(1),
    },
)
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def ask(built_index: Path, engine: Engine) -> Iterator[Ask]:
    patient = EncoderSettings(max_wait_us=60_000_000)  # however busy the machine
    app = create_app(Settings(index=built_index, encoder=patient), engine)
    transport = httpx.ASGITransport(app)
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(transport=transport, base_url="http://shop")
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        yield lambda *args, **options: runner.run(client.request(*args, **options))
        runner.run(client.aclose())
        runner.run(lifespan.__aexit__(None, None, None))


def check(response: httpx.Response) -> None:
    assert response.status_code in (200, 422, 504), response.text
    model = SearchAnswer if response.status_code == 200 else ProblemAnswer
    model.model_validate_json(response.content)


@MANY
@given(body=PARAMETERS)
def test_any_json(ask: Ask, body: object) -> None:
    check(ask("POST", "/v1/search", json=body))


@MANY
@given(body=st.binary(max_size=200))
def test_any_bytes(ask: Ask, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    check(ask("POST", "/v1/search", content=body, headers=headers))


@MANY
@given(q=st.text(max_size=300), limit=st.integers(-1, 102), offset=st.integers(-1, 1_001))
def test_any_query_string(ask: Ask, q: str, limit: int, offset: int) -> None:
    response = ask("GET", "/v1/search", params={"q": q, "limit": limit, "offset": offset})
    check(response)
    if response.status_code == 200:
        assert len(response.json()["hits"]) <= limit


@MANY
@given(searches=st.lists(PARAMETERS | ANY_JSON, max_size=5) | ANY_JSON)
def test_any_batch(ask: Ask, searches: object) -> None:
    response = ask("POST", "/v1/search:batch", json={"searches": searches})
    assert response.status_code in (200, 422), response.text
    model = BatchAnswer if response.status_code == 200 else ProblemAnswer
    body = model.model_validate_json(response.content)
    if isinstance(body, BatchAnswer):
        assert isinstance(searches, list)
        assert len(body.results) == len(searches)
        for one in body.results:
            assert isinstance(one, SearchAnswer) or one.status == 422


@MANY
@given(texts=st.lists(st.text(max_size=30) | ANY_JSON, max_size=5) | ANY_JSON, side=ANY_JSON)
def test_any_texts(ask: Ask, texts: object, side: object) -> None:
    for body in ({"texts": texts}, {"texts": texts, "side": side}):
        response = ask("POST", "/v1/embed", json=body)
        assert response.status_code in (200, 422), response.text
        model = EmbedAnswer if response.status_code == 200 else ProblemAnswer
        model.model_validate_json(response.content)


@MANY
@given(tag=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40))
def test_any_tag(ask: Ask, tag: str) -> None:
    headers = {"If-None-Match": tag.encode("latin-1"), "Accept-Encoding": tag.encode("latin-1")}
    response = ask("GET", "/v1/search?q=red+kettle", headers=headers)
    assert response.status_code == (304 if tag.strip() == "*" else 200)

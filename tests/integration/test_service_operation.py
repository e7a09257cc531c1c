"""The routes for operators, and the page."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from index.engine import Engine
from service import metrics
from service.app import create_app
from service.operation_schemas import Health, Info, Live
from service.page import PAGES, content_policy
from service.settings import EncoderSettings, LimitSettings, Settings

pytestmark = pytest.mark.anyio


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("route", "model"),
    [("/livez", Live), ("/readyz", Live), ("/healthz", Health), ("/info", Info)],
)
async def test_probes_answer_as_declared(client: httpx.AsyncClient, route: str, model) -> None:
    response = await client.get(route)
    assert response.status_code == 200
    model.model_validate_json(response.content)


async def test_info_says_what_is_served(client: httpx.AsyncClient, engine) -> None:
    info = Info.model_validate((await client.get("/info")).json())
    assert info.index.products == 120
    assert info.index.version == engine.bundle.version
    assert info.encoder.fingerprint == engine.encoder.fingerprint
    assert info.encoder.precision == "int8"
    assert info.index.calibration_source == "default"
    assert info.index.calibration_policy == engine.calibration.policy == "balanced"


async def test_metrics_count_what_happened(client: httpx.AsyncClient) -> None:
    async def read() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return samples((await client.get("/metrics")).text)

    before = await read()
    found = (await client.get("/v1/search?q=kettle&limit=4")).json()
    await client.get("/v1/search", params={"q": "🦄"})
    await client.get("/v1/search?q=a&limit=0")
    await client.get("/no/such/route")
    after = await read()

    def grown(name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return after[key] - before.get(key, 0.0)

    search = {"method": "GET", "route": "/v1/search"}
    assert grown("gradus_http_requests_total", **search, status="200") == 2
    assert grown("gradus_http_requests_total", **search, status="422") == 1
    assert grown("gradus_http_requests_total", method="GET", route="unmatched", status="404") == 1
    assert grown("gradus_http_request_duration_seconds_count", **search) == 3
    assert grown("gradus_stage_duration_seconds_count", stage="total") == 2
    tiers = [hit["tier"] for hit in found["hits"]]
    assert sum(grown("gradus_hits_total", tier=tier) for tier in set(tiers)) == 4
    assert grown("gradus_relevance_count") == 1
    assert grown("gradus_no_confident_match_total") == 1
    assert after["gradus_index_products", frozenset()] == 120


async def test_spelling_and_facets_over_their_budget_are_left_out(
    built_index: Path, engine: Engine
) -> None:
    hurried = LimitSettings(timeout_ms=60_000, spelling_ms=1e-6, facets_ms=1e-6)
    patient = EncoderSettings(max_wait_us=60_000_000)
    app = create_app(Settings(index=built_index, limits=hurried, encoder=patient), engine)
    asked = {"q": "bleu ketle", "facets": ["brand"]}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client,
    ):
        before = samples((await client.get("/metrics")).text)
        found = await client.get("/v1/search?q=bleu+ketle&facets=brand")
        batch = await client.post("/v1/search:batch", json={"searches": [asked]})
        after = samples((await client.get("/metrics")).text)
    assert "etag" not in found.headers
    for answer in (found.json(), batch.json()["results"][0]):
        assert answer["degraded"] == ["spelling:slow", "facets:slow"]
        assert (answer["query"]["normalized"], answer["facets"]) == ("bleu ketle", {})
    for component in ("spelling", "facets"):
        labels = frozenset({"component": component, "reason": "slow"}.items())
        key = "gradus_degraded_total", labels
        assert after[key] - before.get(key, 0.0) == 2


async def test_the_protocol_is_told_what_answers_of_its_own_need(app: FastAPI) -> None:
    async with app.router.lifespan_context(app) as told:
        assert told["vary"] == "vary: Accept-Encoding\r\n"
        paths = {path for path in app.openapi()["paths"] if "{" not in path}
        assert told["routes"] == paths


async def test_methods_of_strangers_make_no_series(client: httpx.AsyncClient) -> None:
    await client.request("BREW", "/livez")
    text = (await client.get("/metrics")).text
    assert "BREW" not in text
    assert 'method="other"' in text


async def test_every_exposed_metric_is_declared(client: httpx.AsyncClient) -> None:
    await client.get("/v1/search?q=kettle")
    exposed = re.findall(r"^# TYPE (\S+)", (await client.get("/metrics")).text, re.MULTILINE)
    assert set(exposed) == set(metrics.metric_names())


@pytest.mark.parametrize("path", PAGES)
async def test_page_runs_nothing_but_its_own(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(f"{path}?q=<script>alert(1)</script>")
    assert response.status_code == 200
    assert "alert(1)" not in response.text
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert policy == content_policy(response.text)
    assert len(re.findall("sha256-", policy)) == 2
    # No address elsewhere, no markup made from text, no inline handler or style to need a waiver.
    assert not re.search(
        r"https?://|innerHTML|insertAdjacent|document\.write|eval\(", response.text
    )
    assert not re.search(r"<[^>]+\s(on\w+|style)=", response.text)


@pytest.mark.parametrize("path", PAGES)
async def test_page_holds_what_its_script_asks_for(client: httpx.AsyncClient, path: str) -> None:
    page = (await client.get(path)).text
    ids = re.findall(r'\bid="([\w-]+)"', page)
    asked = re.findall(r'getElementById\("([\w-]+)"\)', page)
    assert len(asked) > 5
    assert set(asked) <= set(ids)
    assert len(set(ids)) == len(ids)
    (field,) = re.findall(r'<input[^>]*id="q"[^>]*>', page)
    for said in ('role="combobox"', 'aria-controls="offers"', 'aria-expanded="false"'):
        assert said in field
    for route in re.findall(r'fetch\("(/[^"?]*)', page):
        assert (await client.get(route, params={"q": "kettle"})).status_code == 200
    assert "<script></script>" not in page
    assert "<style></style>" not in page


async def test_docs_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).status_code == 200
    assert (await client.get("/openapi.json")).json()["info"]["title"] == "Gradus"

"""The client against the real application, in process and as a process of its own."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from index.versions import publish, resolve
from service.app import create_app
from service.client import AsyncClient, Client, Options
from service.client.errors import Conflict, InvalidRequest, KeyRefused, NotFound, Problem
from service.client.event_calls import Event
from service.client.product_calls import Delete, Patch, Put
from service.client.results import SearchAnswer
from service.settings import EncoderSettings, KeySettings, LimitSettings, Settings
from service.state import live_index

KEY = "admin key"
pytestmark = pytest.mark.anyio


@pytest.fixture
def root(built_index: Path, tmp_path: Path) -> Path:
    """A root of two versions of the small shop."""
    for name in ("one", "two"):
        shutil.copytree(resolve(built_index), tmp_path / "root" / "versions" / name)
        publish(tmp_path / "root", name)
    return tmp_path / "root"


@pytest.fixture
def app(root: Path, make_encoder: type, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr("index.bundle.IndexBundle.open_encoder", lambda *_, **__: make_encoder())
    settings = Settings(
        index=root,
        encoder=EncoderSettings(max_wait_us=60_000_000),
        limits=LimitSettings(timeout_ms=60_000, facets_ms=60_000.0),
        keys=KeySettings(admin_sha256=(sha256(KEY.encode()).hexdigest(),)),
    )
    return create_app(settings)


@pytest.fixture
async def shop(app: FastAPI) -> AsyncIterator[AsyncClient]:
    options = Options("http://shop", api_key=KEY)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(options, httpx.ASGITransport(app)) as shop,
    ):
        yield shop


async def test_search(shop: AsyncClient) -> None:
    answer = await shop.search(
        "red kettle", explain=True, facets=["brand"], highlight=True, min_tier="irrelevant"
    )
    assert answer.index.version == "two"
    best = answer.hits[0]
    assert "kettle" in best.fields["title"]
    assert best.explain is not None
    assert best.explain.thresholds.exact >= best.explain.thresholds.substitute
    assert "<mark>" in (best.highlight or {})["title"]
    assert sum(each.count for each in answer.facets["brand"]) == answer.total.value


async def test_hits_over_pages_are_those_of_one_page(shop: AsyncClient) -> None:
    whole = await shop.search("red kettle", limit=60, min_tier="irrelevant")
    paged = [hit async for hit in shop.hits("red kettle", limit=7, min_tier="irrelevant")]
    assert len(whole.hits) == 60
    assert tuple(paged[:60]) == whole.hits
    assert [hit.rank for hit in paged] == list(range(1, len(paged) + 1))


async def test_any_text_arrives_as_it_is(shop: AsyncClient) -> None:
    for text in ("naïve café ☕", "a&b=c#d%20+", "x" * 2000, 'quo"ted \\ back'):
        assert (await shop.search(text)).query.raw == text
    assert (await shop.suggest("ket tle&limit=9")).query == "ket tle&limit=9"


async def test_suggest(shop: AsyncClient) -> None:
    answer = await shop.suggest("ket", limit=3)
    assert 1 <= len(answer.suggestions) <= 3
    assert all("ket" in each.text.lower() for each in answer.suggestions)


async def test_batch(shop: AsyncClient) -> None:
    good, bad = (
        await shop.batch([{"q": "red kettle", "limit": 3}, {"q": "tea", "limit": 0}])
    ).results
    assert isinstance(good, SearchAnswer)
    assert good.hits == (await shop.search("red kettle", limit=3)).hits
    assert isinstance(bad, Problem)
    assert bad.errors[0].pointer == "#/searches/1/limit"


async def test_embed(shop: AsyncClient) -> None:
    answer = await shop.embed(["red kettle", "oat milk"], side="item")
    assert len(answer.vectors) == 2
    assert {len(vector) for vector in answer.vectors} == {answer.dims}
    assert sum(each * each for each in answer.vectors[0]) == pytest.approx(1, abs=1e-3)


async def test_products(shop: AsyncClient) -> None:
    odd = "a/b\nü?#%"
    added = await shop.put({"id": odd, "title": "Purple samovar", "price": 80.0})
    assert (added.id, added.outcome) == (odd, "added")
    assert (await shop.search("samovar", mode="lexical")).hits[0].id == odd
    assert (await shop.patch(odd, {"price": 70.0, "brand": "Corvo"})).outcome == "replaced"
    assert (await shop.patch(odd, {"brand": None})).outcome == "replaced"
    found = await shop.product(odd)
    assert (found.fields["price"], found.fields.get("brand", "")) == (70.0, "")
    assert found.index.sequence == 3
    assert (await shop.delete(odd)).outcome == "deleted"
    assert (await shop.delete(odd)).outcome == "not_found"
    with pytest.raises(NotFound) as gone:
        await shop.product(odd)
    assert gone.value.code == "no_such_product"
    with pytest.raises(InvalidRequest) as wrong:
        await shop.put({"id": "x", "title": "x", "price": "dear"})
    assert wrong.value.problem.errors[0].pointer == "#/price"


async def test_products_line_by_line(shop: AsyncClient) -> None:
    changes = [Put({"id": f"n{number}", "title": f"Teapot {number}"}) for number in range(70)]
    wrong = Put({"id": "bad"})
    last = [wrong, Patch("n1", {"stock": 3}), Delete("n2"), Delete("nobody")]
    found = [status async for status in shop.bulk([*changes, *last], lines=30)]
    assert [status.line for status in found] == list(range(1, 75))
    assert {status.outcome for status in found[:70]} == {"added"}
    outcomes = [status.outcome for status in found[70:]]
    assert outcomes == ["invalid", "replaced", "deleted", "not_found"]
    assert found[70].errors[0].pointer == "#/title"
    assert (await shop.health()).products == 120 + 69


async def test_events_without_a_place_for_them(shop: AsyncClient) -> None:
    answer = await shop.search("red kettle")
    with pytest.raises(NotFound) as off:
        await shop.events([Event.of("click", answer, answer.hits[0])])
    assert off.value.code == "events_off"


async def test_refusals(shop: AsyncClient) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        await shop.under(request_id="mine-1").search("tea", limit=0)
    assert wrong.value.problem.request_id == "mine-1"
    assert wrong.value.problem.errors[0].pointer == "#/limit"
    with pytest.raises(NotFound) as missing:
        await shop.publish("no such version")
    assert missing.value.code == "no_such_version"


async def test_operation(shop: AsyncClient) -> None:
    assert (await shop.live()).status == (await shop.ready()).status == "ok"
    info, health = await shop.info(), await shop.health()
    assert info.index.version == health.index == "two"
    assert info.index.products == health.products == 120
    assert "gradus_http_requests_total" in await shop.metrics()


async def test_versions(shop: AsyncClient, root: Path) -> None:
    published = await shop.publish("one")
    assert published.before == "two"
    assert published.drift is not None
    assert published.drift.changes is not None
    assert published.drift.changes.cuts["hybrid"].exact.after > 0.0
    assert (await shop.publish("one")).drift is None
    versions = await shop.indexes()
    assert (versions.serving, versions.live, versions.previous) == ("one", "one", "two")
    assert (await shop.rollback()).serving == "two"
    broken = root / "versions" / "one" / "vectors.npy"
    broken.write_bytes(broken.read_bytes()[:-1])
    with pytest.raises(Conflict) as refused:
        await shop.publish("one")
    assert refused.value.code == "index_refused"
    assert (await shop.health()).index == "two"


async def test_the_first_index_is_let_go(app: FastAPI, shop: AsyncClient) -> None:
    first = weakref.ref(live_index(app).generation.engine)
    assert first() is not None
    await shop.publish("one")
    gc.collect()
    assert first() is None


async def test_a_key_is_needed(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), AsyncClient("http://shop", transport) as nobody:
        with pytest.raises(KeyRefused):
            await nobody.indexes()


@contextmanager
def serving(index: Path) -> Iterator[str]:
    """Address of a service that runs as a process of its own, and may not be ready yet."""
    command = [sys.executable, "-m", "gradus", "serve", "--port", "0", "--index", str(index)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            yield next(found[0] for line in lines if (found := re.findall(r"http://\S+", line)))
        finally:
            process.terminate()


def test_over_a_socket(served_index: Path) -> None:
    with serving(served_index) as url, Client(url) as shop:
        assert shop.ready().status == "ok"
        pages = list(shop.pages("red kettle", limit=5, min_tier="irrelevant"))
        assert len(pages) > 1
        assert len({page.request_id for page in pages}) == len(pages)
        assert shop.under(request_id="mine").search("kettle").request_id == "mine"
        with pytest.raises(KeyRefused) as closed:
            shop.indexes()
        assert closed.value.code == "admin_closed"

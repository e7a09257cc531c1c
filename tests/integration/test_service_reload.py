"""Another version of the index takes over: watched, published, refused, rolled back."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from catalog.errors import BundleError, HashMismatch, MissingFile
from index.engine import Engine
from index.known_answers import KnownAnswers
from index.versions import before_live, live, publish
from service import metrics
from service.app import create_app
from service.opener import Opener
from service.operation_schemas import CountShift, Indexes, Info, Published
from service.schemas import ProblemAnswer, SearchAnswer
from service.settings import (
    EncoderSettings,
    KeySettings,
    LimitSettings,
    ReloadSettings,
    Settings,
    ShadowSettings,
)
from service.state import live_index

pytestmark = pytest.mark.anyio
KEY = "open sesame"
HEADERS = {"Authorization": f"Bearer {KEY}"}
SECONDS = 60


@pytest.fixture
def root(served_index: Path, tmp_path: Path) -> Path:
    """A root with three versions: `one`, live and whole; `two`, whole; `bad`, damaged."""
    root = tmp_path / "root"
    for name in ("one", "two", "bad"):
        shutil.copytree((served_index / "current").resolve(), root / "versions" / name)
    vectors = root / "versions" / "bad" / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-64] + bytes(64))
    publish(root, "one")
    return root


def settings(root: Path, **more: object) -> Settings:
    return Settings(
        index=root,
        encoder=EncoderSettings(max_wait_us=60_000_000),
        limits=LimitSettings(timeout_ms=60_000, queue_ms=1000),
        keys=KeySettings(admin_sha256=(sha256(KEY.encode()).hexdigest(),)),
        reload=ReloadSettings(watch_seconds=0.02),
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def app(root: Path) -> FastAPI:
    return create_app(settings(root))


async def served_by(client: httpx.AsyncClient) -> str:
    answer = SearchAnswer.model_validate_json((await client.get("/v1/search?q=kettle")).content)
    assert answer.hits
    assert answer.degraded == []
    return answer.index.version


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():
            await asyncio.sleep(0.01)


async def test_publish_and_roll_back(client: httpx.AsyncClient, root: Path) -> None:
    assert await served_by(client) == "one"
    response = await client.post("/v1/indexes/two:publish", headers=HEADERS)
    assert Published.model_validate_json(response.content).serving == "two"
    assert (await served_by(client), live(root), before_live(root)) == ("two", "two", "one")
    response = await client.post("/v1/indexes:rollback", headers=HEADERS)
    assert Published.model_validate_json(response.content).before == "two"
    assert (await served_by(client), live(root)) == ("one", "one")
    listed = Indexes.model_validate_json((await client.get("/v1/indexes", headers=HEADERS)).content)
    assert (listed.serving, listed.live, listed.previous) == ("one", "one", "two")
    assert [version.version for version in listed.versions] == ["two", "one", "bad"]


async def test_publishing_tells_what_differs_from_what_was_live(
    client: httpx.AsyncClient, root: Path
) -> None:
    first = (await client.post("/v1/indexes/one:publish", headers=HEADERS)).content
    assert Published.model_validate_json(first).drift is None  # it is live
    same = (await client.post("/v1/indexes/two:publish", headers=HEADERS)).content
    drift = Published.model_validate_json(same).drift
    assert drift is not None
    assert (drift.live, drift.problem) == ("one", "")
    assert drift.changes is not None
    assert drift.changes.products == CountShift(before=120, after=120)
    assert drift.changes.idf.mean_change == 0.0
    calibration = root / "versions" / "two" / "calibration.json"
    calibration.write_text("{")
    back = (await client.post("/v1/indexes:rollback", headers=HEADERS)).content
    drift = Published.model_validate_json(back).drift
    assert drift is not None
    assert (drift.live, drift.changes) == ("two", None)
    assert "calibration" in drift.problem


async def test_bad_version_is_refused_and_the_old_one_serves_on(
    client: httpx.AsyncClient, root: Path
) -> None:
    response = await client.post("/v1/indexes/bad:publish", headers=HEADERS)
    problem = ProblemAnswer.model_validate_json(response.content)
    assert (response.status_code, problem.code) == (409, "index_refused")
    assert "vectors.npy" in problem.detail
    assert (await served_by(client), live(root)) == ("one", "one")
    missing = await client.post("/v1/indexes/three:publish", headers=HEADERS)
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_version")
    nothing_before = await client.post("/v1/indexes:rollback", headers=HEADERS)
    assert (nothing_before.status_code, nothing_before.json()["code"]) == (404, "no_such_version")


async def test_current_is_followed(
    client: httpx.AsyncClient, app: FastAPI, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(root, "two")
    await eventually(lambda: live_index(app).generation.version == "two")
    assert await served_by(client) == "two"
    publish(root, "bad")
    await eventually(lambda: "a version of the index was refused" in caplog.text)
    assert await served_by(client) == "two"
    publish(root, "one")
    await eventually(lambda: live_index(app).generation.version == "one")
    assert "gradus_index_swaps_total" in (await client.get("/metrics")).text


async def test_current_is_followed_after_a_fault_of_ours(
    client: httpx.AsyncClient, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    whole = Opener.open

    def falters(self: Opener, path: Path, *rest: Any) -> Any:
        tried.append(path.name)
        if path.name == "two":
            raise RuntimeError("no error of an index")
        return whole(self, path, *rest)

    shutil.copytree(root / "versions" / "one", root / "versions" / "three")
    monkeypatch.setattr(Opener, "open", falters)
    publish(root, "two")
    await eventually(lambda: tried == ["two"])
    publish(root, "three")
    await eventually(lambda: tried == ["two", "three"])
    async with asyncio.timeout(SECONDS):
        while await served_by(client) == "one":
            await asyncio.sleep(0.01)
    assert await served_by(client) == "three"
    assert tried == ["two", "three"]  # the one that failed is not tried again and again


async def test_no_answer_is_lost_or_mixed_while_versions_change(
    client: httpx.AsyncClient, app: FastAPI, root: Path
) -> None:
    """Every version tells itself apart by the price of its products."""
    for name, price in (("one", 1), ("two", 2)):
        _reprice(root / "versions" / name, price)
    stop = asyncio.Event()
    seen: set[str] = set()

    async def shopper() -> None:
        while not stop.is_set():
            response = await client.get("/v1/search?q=kettle&use_cache=false")
            assert response.status_code == 200, response.text
            body = response.json()
            prices = {hit["fields"]["price"] for hit in body["hits"]}
            assert prices == {{"one": 1.0, "two": 2.0}[body["index"]["version"]]}
            seen.add(body["index"]["version"])
            await asyncio.sleep(0)

    shoppers = [asyncio.create_task(shopper()) for _ in range(3)]
    await live_index(app).publish(root / "versions" / "two")
    await live_index(app).publish(root / "versions" / "one")
    for name in ("two", "bad", "one"):
        await client.post(f"/v1/indexes/{name}:publish", headers=HEADERS)
    stop.set()
    await asyncio.gather(*shoppers)
    assert seen == {"one", "two"}


async def test_old_generation_is_kept_while_a_search_holds_it(app: FastAPI, root: Path) -> None:
    async with app.router.lifespan_context(app):
        held = live_index(app).generation.acquire()
        closed: list[bool] = []
        held.encoder.close = lambda: closed.append(True)  # type: ignore[method-assign]
        await live_index(app).publish(root / "versions" / "two")
        assert held.retired
        assert not closed
        assert held.engine.bundle.store.fetch(0)
        held.release()
        assert closed == [True]


async def test_vectors_of_the_same_encoder_stay_warm(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    await served_by(client)
    opener: Opener = app.state.opener
    before = len(opener.vectors)
    assert before == 1
    await client.post("/v1/indexes/two:publish", headers=HEADERS)
    await served_by(client)
    assert len(opener.vectors) == before


@pytest.mark.parametrize(
    "headers", [{}, {"X-API-Key": "sesame"}, {"Authorization": f"Basic {KEY}"}, {"X-API-Key": ""}]
)
@pytest.mark.parametrize("route", ["GET /v1/indexes", "POST /v1/indexes:rollback"])
async def test_admin_routes_want_an_admin_key(
    client: httpx.AsyncClient, route: str, headers: dict[str, str]
) -> None:
    response = await client.request(*route.split(), headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.fixture
async def closed(built_index: Path, engine: object) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(index=built_index), engine)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        yield client


async def test_admin_routes_are_closed_without_a_key(closed: httpx.AsyncClient) -> None:
    for method, route in (
        ("GET", "/v1/indexes"),
        ("POST", "/v1/indexes/one:publish"),
        ("POST", "/v1/indexes:rollback"),
    ):
        response = await closed.request(method, route, headers=HEADERS)
        assert (response.status_code, response.json()["code"]) == (403, "admin_closed")


async def test_versions_need_a_root(root: Path) -> None:
    app = create_app(settings(root / "versions" / "one"))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        response = await client.get("/v1/indexes", headers=HEADERS)
    assert (response.status_code, response.json()["code"]) == (409, "no_versions")


def test_starting_worker_takes_the_version_before_a_broken_one(root: Path) -> None:
    publish(root, "bad")
    opener = Opener.of(settings(root))
    assert opener.first(verify=True).bundle.version == "one"
    shutil.rmtree(root / "versions" / "one")
    with pytest.raises(HashMismatch, match="bad"):
        opener.first(verify=True)


def test_starting_worker_takes_the_version_before_one_that_answers_otherwise(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_: KnownAnswers, engine: Engine) -> None:
        if engine.bundle.version == "two":
            raise BundleError("this machine computes other scores", where=root)

    monkeypatch.setattr(KnownAnswers, "check", check)
    publish(root, "two")
    assert Opener.of(settings(root)).first(verify=True).bundle.version == "one"


async def test_root_that_cannot_be_written_is_said_and_changes_nothing(
    client: httpx.AsyncClient, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    refused = metrics.SWAPS.labels("refused")._value.get()
    monkeypatch.setattr("service.live.publish", read_only)
    response = await client.post("/v1/indexes/two:publish", headers=HEADERS)
    problem = ProblemAnswer.model_validate_json(response.content)
    assert (response.status_code, problem.code) == (503, "unavailable")
    assert "Read-only file system" in problem.detail
    assert (await served_by(client), live(root)) == ("one", "one")

    def gone(*_: object) -> None:
        raise MissingFile("there is no such version", where=root)

    monkeypatch.setattr("service.live.publish", gone)
    response = await client.post("/v1/indexes/two:publish", headers=HEADERS)
    assert (response.status_code, response.json()["code"]) == (409, "index_refused")
    assert metrics.SWAPS.labels("refused")._value.get() == refused + 2
    monkeypatch.undo()
    assert (await client.post("/v1/indexes/two:publish", headers=HEADERS)).status_code == 200


def test_rollback_needs_somewhere_to_go(root: Path) -> None:
    with pytest.raises(MissingFile, match="no version was live before"):
        before_live(root)
    publish(root, "one")  # the same again is no change
    with pytest.raises(MissingFile, match="no version was live before"):
        before_live(root)


async def test_answers_are_kept_by_version_when_asked_for(root: Path) -> None:
    app = create_app(settings(root, answers=10))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        first = (await client.get("/v1/search?q=kettle")).json()
        again = (await client.get("/v1/search?q=kettle")).json()
        fresh = (await client.get("/v1/search?q=kettle&use_cache=false")).json()
        assert again["hits"] == first["hits"] == fresh["hits"]
        assert again["query_id"] != first["query_id"]
        assert "encode" in first["timing_ms"]
        assert "encode" not in again["timing_ms"]
        assert "encode" in fresh["timing_ms"]
        await client.post("/v1/indexes/two:publish", headers=HEADERS)
        other = (await client.get("/v1/search?q=kettle")).json()
        assert "encode" in other["timing_ms"]
        assert other["index"]["version"] == "two"


async def test_shadow_answers_a_share(root: Path) -> None:
    from service import metrics

    def compared() -> float:
        samples = metrics.SHADOW_OVERLAP.collect()[0].samples
        return sum(sample.value for sample in samples if sample.name.endswith("_count"))

    before = compared()
    shadow = ShadowSettings(index=root / "versions" / "two", share=1.0)
    app = create_app(settings(root, shadow=shadow))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        for _ in range(3):
            assert (await client.get("/v1/search?q=kettle")).json()["index"]["version"] == "one"
        await eventually(lambda: compared() == before + 3)


async def test_info_says_how_queries_are_encoded(client: httpx.AsyncClient) -> None:
    info = Info.model_validate_json((await client.get("/info")).content)
    assert info.encoder.way == "inline"
    assert "ms" in info.encoder.reason
    assert info.encoder.provider == "cpu"


def _reprice(version: Path, price: float) -> None:
    """Give every product of a version one price, and the version its manifest back."""
    import json

    import numpy as np

    from catalog.artefact import read_manifest, write_manifest

    lines = (version / "products.jsonl").read_text().splitlines()
    changed = [json.dumps(json.loads(line) | {"price": price}) + "\n" for line in lines]
    (version / "products.jsonl").write_text("".join(changed))
    ends = np.cumsum([0, *(len(line.encode()) for line in changed)])
    np.save(version / "product_offsets.npy", ends.astype(np.int64))
    manifest = read_manifest(version, "index", verify=False)
    write_manifest(version, "index", parents=manifest.parents, config=manifest.config)

"""`/v1/products`: looked up, added, changed, taken away; seen by the next search, kept on disk."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from catalog.errors import BundleError
from catalog.products import parse_product
from export.bundle import EncoderBundle
from index.build import build_index
from index.live.overlay import Overlay
from index.live.updatable import journal_path
from index.live.updates import Put
from index.versions import live, publish
from service import cli
from service.app import create_app
from service.encoding.query_encoder import QueryEncoder
from service.generation import Generation
from service.product_schemas import BulkStatus, ChangedProduct, OneProduct
from service.schemas import ProblemAnswer
from service.settings import (
    EncoderSettings,
    KeySettings,
    LimitSettings,
    ReloadSettings,
    Settings,
    UpdateSettings,
)
from service.state import live_index, open_engine, updates_of

pytestmark = pytest.mark.anyio
KEY = "open sesame"
ADMIN = {"Authorization": f"Bearer {KEY}"}
LINES = {**ADMIN, "Content-Type": "application/x-ndjson"}
FLASK = {"id": "new-1", "title": "Steel red flask", "brand": "Ardena", "price": 9.5, "stock": 3}
SEE = "/v1/search?q=red+kettle&min_tier=irrelevant&limit=100"
SECONDS = 60


@pytest.fixture
def root(served_index: Path, tmp_path: Path) -> Path:
    """A root of its own with one version."""
    root = tmp_path / "root"
    shutil.copytree((served_index / "current").resolve(), root / "versions" / "one")
    publish(root, "one")
    return root


def settings(root: Path, **more: Any) -> Settings:
    return Settings(
        index=root,
        answers=100,
        encoder=EncoderSettings(max_wait_us=60_000_000),
        limits=LimitSettings(timeout_ms=60_000, body_bytes=4_000),
        keys=KeySettings(admin_sha256=(sha256(KEY.encode()).hexdigest(),)),
        reload=ReloadSettings(watch_seconds=0.02),
        **{"updates": UpdateSettings(watch_seconds=0.02, bulk_bytes=100_000), **more},
    )


@pytest.fixture
def app(root: Path) -> FastAPI:
    return create_app(settings(root))


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        yield client


async def found(client: httpx.AsyncClient, see: str = SEE) -> dict[str, dict[str, Any]]:
    """All products by id, in two pages."""
    pages = [(await client.get(f"{see}&offset={offset}")).json() for offset in (0, 100)]
    return {hit["id"]: hit for page in pages for hit in page["hits"]}


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():
            await asyncio.sleep(0.01)


def changed(response: httpx.Response) -> ChangedProduct:
    assert response.status_code == 200, response.text
    return ChangedProduct.model_validate_json(response.content)


def refused(response: httpx.Response, status: int, code: str) -> ProblemAnswer:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = ProblemAnswer.model_validate_json(response.content)
    assert problem.code == code
    return problem


async def one(client: httpx.AsyncClient, name: str) -> OneProduct:
    response = await client.get(f"/v1/products/{quote(name, safe='')}")
    return OneProduct.model_validate_json(response.content)


async def test_next_search_sees_every_change(client: httpx.AsyncClient) -> None:
    before = await found(client)
    answer = changed(await client.post("/v1/products", json=FLASK, headers=ADMIN))
    assert (answer.id, answer.outcome, answer.index.sequence) == ("new-1", "added", 1)
    after = await found(client)
    assert after.pop("new-1")["fields"]["price"] == 9.5
    assert after == {name: before[name] | {"rank": hit["rank"]} for name, hit in after.items()}
    changed(await client.patch("/v1/products/new-1", json={"price": 4.1}, headers=ADMIN))
    assert (await found(client))["new-1"]["fields"]["price"] == 4.1
    shown = await one(client, "new-1")
    assert (shown.fields["price"], shown.fields["title"]) == (4.1, FLASK["title"])
    assert shown.index.sequence == 2
    filtered = await found(client, SEE + "&filter=price+%3D+4.1")
    assert set(filtered) == {"new-1"}
    assert changed(await client.delete("/v1/products/new-1", headers=ADMIN)).outcome == "deleted"
    assert await found(client) == before
    refused(await client.get("/v1/products/new-1"), 404, "no_such_product")


async def test_same_again_changes_nothing(client: httpx.AsyncClient) -> None:
    outcomes = []
    for _ in range(2):
        outcomes.append(changed(await client.post("/v1/products", json=FLASK, headers=ADMIN)))
    for _ in range(2):
        outcomes.append(changed(await client.delete("/v1/products/p003", headers=ADMIN)))
    assert [(each.outcome, each.index.sequence) for each in outcomes] == [
        ("added", 1),
        ("unchanged", 1),
        ("deleted", 2),
        ("not_found", 2),
    ]
    shown = (await one(client, "p001")).fields
    assert changed(await client.post("/v1/products", json=shown, headers=ADMIN)).outcome == (
        "unchanged"
    )


@pytest.mark.parametrize(
    "name", ["a/b", "/a", "a/", "//", "ü 漢字/💡", "a?b#c%2F", "x" * 1000, "{id}"]
)
async def test_any_id(client: httpx.AsyncClient, name: str) -> None:
    path = f"/v1/products/{quote(name, safe='')}"
    answer = changed(await client.post("/v1/products", json=FLASK | {"id": name}, headers=ADMIN))
    assert answer.id == name
    changed(await client.patch(path, json={"stock": 9}, headers=ADMIN))
    assert (await one(client, name)).fields["stock"] == 9
    assert name in await found(client)
    assert changed(await client.delete(path, headers=ADMIN)).outcome == "deleted"
    assert changed(await client.delete(path, headers=ADMIN)).outcome == "not_found"
    refused(await client.get(path), 404, "no_such_product")
    refused(await client.patch(path, json={"stock": 9}, headers=ADMIN), 404, "no_such_product")


async def test_requests_are_counted_by_the_route_as_it_is_documented(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "gradus.access"):
        await one(client, "p001")
    (record,) = (each for each in caplog.records if each.name == "gradus.access")
    assert record.fields["route"] == "/v1/products/{id}"  # type: ignore[attr-defined]
    text = (await client.get("/metrics")).text
    assert 'method="GET",route="/v1/products/{id}",status="200"' in text
    assert ":any" not in text


async def test_empty_id_is_no_product(client: httpx.AsyncClient) -> None:
    refused(await client.get("/v1/products/"), 404, "no_such_product")
    refused(
        await client.patch("/v1/products/", json={"price": 1}, headers=ADMIN),
        404,
        "no_such_product",
    )
    for blank in ("", "%20"):
        answer = await client.delete(f"/v1/products/{blank}", headers=ADMIN)
        problem = refused(answer, 422, "invalid_parameter")
        assert [fault.pointer for fault in problem.errors] == ["#/id"]
    problem = refused(
        await client.post("/v1/products", json=FLASK | {"id": " "}, headers=ADMIN),
        422,
        "invalid_parameter",
    )
    assert [fault.pointer for fault in problem.errors] == ["#/id"]


WRONG = [
    ([], "#"),
    ({}, "#/id #/title"),
    ({"id": "a"}, "#/title"),
    ({"id": "a", "title": " "}, "#/title"),
    ({"id": "a", "title": "t", "price": -1, "stock": 1.5}, "#/price #/stock"),
    ({"id": "a", "title": "t", "stock": 10**30}, "#/stock"),
    ({"id": "a", "title": "t", "price": "dear"}, "#/price"),
    ({"id": "a", "title": "t", "category": {}}, "#/category"),
    ({"id": "a", "title": "t", "attributes": {"a/b": {}}}, "#/attributes"),
    ({"id": "a", "title": "t", "values": {"price": 3}}, "#/values"),
    ({"id": "a", "title": "t", "rating": 4}, "#/rating"),
]


@pytest.mark.parametrize(("value", "pointers"), WRONG)
async def test_wrong_product(client: httpx.AsyncClient, value: Any, pointers: str) -> None:
    response = await client.post("/v1/products", json=value, headers=ADMIN)
    problem = refused(response, 422, "invalid_parameter")
    assert " ".join(fault.pointer for fault in problem.errors) == pointers
    for fault in problem.errors:
        name = fault.pointer[2:]  # said once
        assert not name or not fault.message.startswith(f"{name}:")
    line = (await client.post("/v1/products", content=json.dumps(value), headers=LINES)).json()
    assert (line["line"], line["outcome"]) == (1, "invalid")
    assert " ".join(fault["pointer"] for fault in line["errors"]) == pointers


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ([], "#"),
        ({"id": "other"}, "#/id"),
        ({"title": None}, "#/title"),
        ({"title": ""}, "#/title"),
        ({"price": []}, "#/price"),
        ({"colour": "red"}, "#/colour"),
    ],
)
async def test_wrong_change(client: httpx.AsyncClient, value: Any, pointer: str) -> None:
    response = await client.patch("/v1/products/p001", json=value, headers=ADMIN)
    problem = refused(response, 422, "invalid_parameter")
    assert [fault.pointer for fault in problem.errors] == [pointer]


async def test_bodies_that_are_none(client: httpx.AsyncClient) -> None:
    kind = {**ADMIN, "Content-Type": "application/json"}
    for body in (b"", b"{", b'{"id": NaN}', b"\xff", b"[" * 2000):
        for method, path in (("POST", "/v1/products"), ("PATCH", "/v1/products/p001")):
            response = await client.request(method, path, content=body, headers=kind)
            refused(response, 422, "invalid_json")
    plain = {**ADMIN, "Content-Type": "text/plain"}
    response = await client.post("/v1/products", content=b"{}", headers=plain)
    refused(response, 415, "unsupported_media_type")
    long = FLASK | {"description": "x" * 5_000}
    refused(await client.post("/v1/products", json=long, headers=ADMIN), 413, "body_too_large")
    response = await client.patch("/v1/products/p001", json=long, headers=ADMIN)
    refused(response, 413, "body_too_large")


async def test_value_of_another_kind_than_the_column(root: Path, demo_products, tiny_bundle):
    products = [*demo_products]
    shop = [_rated(product, number) for number, product in enumerate(products)]
    build_index(shop, EncoderBundle.load(tiny_bundle), root, encoder_dir=tiny_bundle)
    async with serving(create_app(settings(root))) as client:
        wrong = FLASK | {"values": {"rating": "good", "new": "kept"}}
        response = await client.post("/v1/products", json=wrong, headers=ADMIN)
        problem = refused(response, 422, "invalid_parameter")
        assert [fault.pointer for fault in problem.errors] == ["#/values/rating"]
        right = FLASK | {"values": {"rating": 4.5}}
        changed(await client.post("/v1/products", json=right, headers=ADMIN))
        assert set(await found(client, SEE + "&filter=rating+%3D+4.5")) == {"new-1"}


def _rated(product, number):
    from dataclasses import replace

    return replace(product, values={"rating": float(number % 4)})


async def test_a_line_has_its_status(client: httpx.AsyncClient) -> None:
    body = "\n".join(
        [
            json.dumps(FLASK),
            "",
            '{"id": "p001", "title": ',
            '{"delete": "p003"}',
            '{"delete": "p003"}',
            '{"patch": {"id": "p002", "stock": 77}}',
            '{"patch": {"id": "nobody", "stock": 1}}',
            '{"patch": {"stock": 1}}',
            '{"delete": 5}',
            json.dumps({"put": FLASK | {"id": "new-2"}}),
            json.dumps(FLASK | {"id": "long", "title": "x" * 5_000}),
            json.dumps(FLASK),
        ]
    )
    response = await client.post("/v1/products", content=body + "\n", headers=LINES)
    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [BulkStatus.model_validate_json(line) for line in response.text.splitlines()]
    assert [(line.line, line.id, line.outcome) for line in lines] == [
        (1, "new-1", "added"),
        (3, "", "invalid"),
        (4, "p003", "deleted"),
        (5, "p003", "not_found"),
        (6, "p002", "replaced"),
        (7, "nobody", "not_found"),
        (8, "", "invalid"),
        (9, "", "invalid"),
        (10, "new-2", "added"),
        (11, "", "invalid"),
        (12, "new-1", "unchanged"),
    ]
    assert lines[1].errors[0].message
    assert (await one(client, "p002")).fields["stock"] == 77
    assert {"new-1", "new-2"} <= set(await found(client))


async def test_bulk_has_bounds(client: httpx.AsyncClient, app: FastAPI) -> None:
    huge = b"x" * 100_001
    response = await client.post("/v1/products", content=huge, headers=LINES)
    refused(response, 413, "body_too_large")
    response = await client.post("/v1/products", content=b"\n" * 10_001, headers=LINES)
    assert "10001 lines" in refused(response, 413, "body_too_large").detail
    places = [updates_of(app).place() for _ in range(16)]
    for place in places:
        place.__enter__()
    response = await client.post("/v1/products", json=FLASK, headers=ADMIN)
    refused(response, 429, "overloaded")
    assert (await client.post("/v1/products", content=b"", headers=LINES)).status_code == 429
    for place in places:
        place.__exit__(None, None, None)
    assert (await client.post("/v1/products", content=b"", headers=LINES)).text == ""
    changed(await client.post("/v1/products", json=FLASK, headers=ADMIN))


async def test_writes_want_an_admin_key(client: httpx.AsyncClient, root: Path) -> None:
    for method, path in (
        ("POST", "/v1/products"),
        ("PATCH", "/v1/products/p001"),
        ("DELETE", "/v1/products/p001"),
    ):
        refused(await client.request(method, path), 401, "unauthorized")
        response = await client.put(path, headers=ADMIN)
        allowed = {"POST"} if method == "POST" else {"GET", "HEAD", "PATCH", "DELETE"}
        refused(response, 405, "method_not_allowed")
        assert set(response.headers["allow"].split(", ")) == allowed
    closed = Settings(index=root)
    async with serving(create_app(closed)) as shut:
        response = await shut.delete("/v1/products/p001", headers=ADMIN)
        refused(response, 403, "admin_closed")
        assert (await shut.get("/v1/products/p001")).status_code == 200
    assert not (root / "journals").exists()


async def test_version_served_by_its_path_takes_no_updates(root: Path) -> None:
    async with serving(create_app(settings(root / "versions" / "one"))) as client:
        response = await client.delete("/v1/products/p001", headers=ADMIN)
        refused(response, 409, "no_versions")


async def test_a_restart_has_them_all(client: httpx.AsyncClient, root: Path) -> None:
    changed(await client.post("/v1/products", json=FLASK, headers=ADMIN))
    changed(await client.delete("/v1/products/p003", headers=ADMIN))
    wanted = await found(client)
    async with serving(create_app(settings(root))) as again:
        assert await found(again) == wanted
        assert (await again.get("/healthz")).json()["products"] == 120
        assert (await again.get("/info")).json()["index"]["sequence"] == 2


async def test_another_worker_follows_and_writes(client: httpx.AsyncClient, root: Path) -> None:
    other_app = create_app(settings(root))
    async with serving(other_app) as other:
        changed(await client.post("/v1/products", json=FLASK, headers=ADMIN))
        await eventually(lambda: live_index(other_app).generation.sequence == 1)
        assert "new-1" in await found(other)
        # Both write at once: each update stands, in one order for both.
        names = [f"n{number}" for number in range(12)]
        writers = [
            (client, other)[number % 2].post(
                "/v1/products", json=FLASK | {"id": name, "price": number}, headers=ADMIN
            )
            for number, name in enumerate(names)
        ]
        answers = [changed(response) for response in await asyncio.gather(*writers)]
        assert sorted(answer.index.sequence for answer in answers)[-1] == 13
        async with asyncio.timeout(30):
            for worker in (client, other):
                while (await worker.get("/info")).json()["index"]["sequence"] < 13:
                    await asyncio.sleep(0.01)
        mine, theirs = await found(client), await found(other)
        assert set(names) <= set(theirs)
        assert mine == theirs


async def test_searches_go_on_while_many_are_written(client: httpx.AsyncClient) -> None:
    body = "\n".join(json.dumps(FLASK | {"id": f"n{number}"}) for number in range(300))
    writing = asyncio.create_task(client.post("/v1/products", content=body, headers=LINES))
    seen: list[int] = []
    while not writing.done():
        response = await client.get("/v1/search?q=steel+flask&min_tier=irrelevant&limit=100")
        assert response.status_code == 200
        await asyncio.sleep(0)  # a search may be answered without a pause
        seen.append(len([hit for hit in response.json()["hits"] if hit["id"][0] == "n"]))
    assert len(writing.result().text.splitlines()) == 300
    assert seen == sorted(seen)
    assert len(seen) > 3


async def test_no_tag_stands_for_two_states(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await one(client, "p001")).index.sequence == 0
    generation, whole = live_index(app).generation, Overlay.changed
    first, second = (Put(parse_product(FLASK | {"id": name})) for name in ("new-1", "new-2"))
    between: list[tuple[int, Any, Any]] = []

    def written_but_not_seen(self: Overlay, *rows: Any) -> Overlay:
        generation.renew()  # for the update before this one
        store = generation.engine.bundle.store
        between.append((generation.sequence, store.row("new-1"), store.row("new-2")))
        return whole(self, *rows)

    generation.write([first])
    monkeypatch.setattr(Overlay, "changed", written_but_not_seen)
    generation.write([second])
    assert between == [(1, 120, None)]
    generation.renew()
    assert generation.sequence == 2


async def test_a_client_that_goes_away_leaves_nothing_half_seen(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = live_index(app).generation
    began, go_on, write = threading.Event(), threading.Event(), Generation.write

    def slowly(self: Generation, updates: Any) -> Any:
        began.set()
        assert go_on.wait(SECONDS)
        return write(self, updates)

    monkeypatch.setattr(Generation, "write", slowly)
    put = updates_of(app).apply([Put(parse_product(FLASK))])
    asking = asyncio.create_task(put)
    await eventually(began.is_set)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert generation.users == 1  # its journal is still being written
    go_on.set()
    await eventually(lambda: generation.users == 0)
    assert "new-1" in await found(client)


async def test_what_was_found_before_an_update_is_not_kept(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches, many = [{"q": "steel red flask", "min_tier": "irrelevant"}], QueryEncoder.many

    async def meanwhile(self: QueryEncoder, *args: Any, **more: Any) -> Any:
        changed(await client.post("/v1/products", json=FLASK, headers=ADMIN))
        return await many(self, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(QueryEncoder, "many", meanwhile)
        batch = (await client.post("/v1/search:batch", json={"searches": searches})).json()
    (before,) = batch["results"]
    after = (await client.post("/v1/search", json=searches[0])).json()
    assert "new-1" not in {hit["id"] for hit in before["hits"]}
    assert "new-1" in {hit["id"] for hit in after["hits"]}


async def test_full_disk_is_said(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(await client.post("/v1/products", json=FLASK, headers=ADMIN))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _file: (_ for _ in ()).throw(OSError(28, "No space")))
        response = await client.delete("/v1/products/new-1", headers=ADMIN)
        problem = refused(response, 503, "unavailable")
        assert "No space" in problem.detail
        assert str(Path.cwd().anchor + "tmp") not in problem.detail
        body = '{"delete": "p001"}'
        refused(await client.post("/v1/products", content=body, headers=LINES), 503, "unavailable")
    assert "new-1" in await found(client)
    assert changed(await client.delete("/v1/products/new-1", headers=ADMIN)).outcome == "deleted"


async def test_a_damaged_journal_is_refused_at_the_start(client, root: Path) -> None:
    changed(await client.post("/v1/products", json=FLASK, headers=ADMIN))
    changed(await client.delete("/v1/products/p003", headers=ADMIN))
    path = journal_path(root, "one")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:-30] + b"\n" + lines[2])
    with pytest.raises(BundleError, match="journal of live updates is damaged"):
        open_engine(settings(root))


async def test_the_banner_counts_live_updates(client: httpx.AsyncClient, root: Path) -> None:
    def banner() -> str:
        done = CliRunner().invoke(cli.app, ["--index", str(root), "--check"])
        assert done.exit_code == 0, done.output
        return done.output

    assert f": 120 products from {root}" in banner()
    for name in ("p003", "p004"):
        changed(await client.delete(f"/v1/products/{name}", headers=ADMIN))
    assert f": 118 products (built with 120) from {root}" in banner()
    changed(await client.post("/v1/products", json=FLASK, headers=ADMIN))
    assert ": 119 products (built with 120)" in banner()
    for name in ("p003", "p004"):
        changed(await client.post("/v1/products", json={**FLASK, "id": name}, headers=ADMIN))
    assert ": 121 products (built with 120)" in banner()


def rebuild(root: Path, tiny_bundle: Path, products: Any, **more: Any) -> str:
    built = build_index(
        products, EncoderBundle.load(tiny_bundle), root, encoder_dir=tiny_bundle, **more
    )
    return built.directory.name


async def test_nightly_rebuild_keeps_what_came_meanwhile(
    client: httpx.AsyncClient, app: FastAPI, root: Path, tiny_bundle, demo_products, caplog
) -> None:
    changed(await client.delete("/v1/products/p005", headers=ADMIN))
    await asyncio.sleep(0.005)
    snapshot = datetime.now(UTC)
    changed(await client.post("/v1/products", json=FLASK, headers=ADMIN))
    changed(await client.patch("/v1/products/p001", json={"price": 1.5}, headers=ADMIN))
    changed(await client.delete("/v1/products/p003", headers=ADMIN))
    wanted = set(await found(client)) | {"p005"}
    with caplog.at_level("INFO", "gradus.service"):
        name = rebuild(root, tiny_bundle, demo_products, snapshot=snapshot)
        await eventually(lambda: live_index(app).generation.version == name)
    assert set(await found(client)) == wanted
    assert (await one(client, "p001")).fields["price"] == 1.5
    (record,) = [each for each in caplog.records if "handed over" in each.message]
    fields = record.fields
    assert (fields["carried"], fields["left"], fields["overruled_ids"]) == (3, 1, ("p005",))
    text = (await client.get("/metrics")).text
    assert 'gradus_updates_carried_total{outcome="carried"}' in text
    # A writer of the old version would be told; this one writes to the new version.
    changed(await client.delete("/v1/products/new-1", headers=ADMIN))
    # Back to the version before: what was done since stays done.
    back = (await client.post("/v1/indexes:rollback", headers=ADMIN)).json()
    assert back["serving"] == live(root) == "one"
    assert set(await found(client)) == wanted - {"new-1", "p005"}


async def test_worker_that_has_not_followed_yet_does_so_to_write(
    root: Path, tiny_bundle, demo_products
) -> None:
    slow = settings(root).model_copy(update={"reload": ReloadSettings(watch_seconds=0)})
    late_app = create_app(slow)
    async with serving(create_app(slow)) as quick, serving(late_app) as late:
        changed(await quick.post("/v1/products", json=FLASK, headers=ADMIN))
        await eventually(lambda: live_index(late_app).generation.sequence == 1)
        name = rebuild(root, tiny_bundle, demo_products, live=False, snapshot=datetime.now(UTC))
        (await quick.post(f"/v1/indexes/{name}:publish", headers=ADMIN)).raise_for_status()
        assert live_index(late_app).generation.version == "one"
        answer = changed(await late.delete("/v1/products/p003", headers=ADMIN))
        assert answer.index.version == name
        assert live_index(late_app).generation.version == name

"""Ask a service for one answer of each kind and keep them: the examples of OpenAPI and docs/api.md.

    python benchmarks/service/api_examples.py --index artifacts/demo/index

Every answer and every error is what the application gives; only what is refused before there is a
request (a broken head, too many connections) is taken from the code. The index is copied first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import httpx

from index.engine import Engine
from service import protocol
from service.app import create_app
from service.arrival import Arrival
from service.settings import EventSettings, HttpSettings, KeySettings, RateSettings, Settings
from service.state import admission_of, ready_engine

REPOSITORY = Path(__file__).parents[2]
OUT = REPOSITORY / "service" / "static" / "examples.json"
KEY, ORIGIN = "an admin key", "https://shop.example"
AS_ADMIN = {"X-API-Key": KEY}
ADMIN = KeySettings(admin_sha256=(sha256(KEY.encode()).hexdigest(),))
SEARCH = (
    "/v1/search?q=almnd+milk&limit=2&explain=true&highlight=title&facets=in_stock,price"
    "&fields=title,brand,price"
)
BATCH = {"searches": [{"q": "oat milk", "limit": 1, "fields": "title"}, {"q": "tea", "limit": 0}]}
EVENT = {
    "action_name": "click",
    "query_id": "01JCZ4N6W3M8Q0V5T7X9Y1A2BC",
    "event_attributes": {"object": {"object_id": "sku-1"}, "position": {"ordinal": 1}},
}
REFUSED = (protocol._MALFORMED, protocol._SLOW, protocol._TARGET, protocol._HEADERS)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://x") as client,
    ):
        yield app, client


async def answers(root: Path) -> dict[str, Any]:
    """An answer by operation id."""
    found: dict[str, Any] = {}
    kept = EventSettings(path=root.parent / "events")
    async with serving(Settings(index=root, keys=ADMIN, events=kept)) as (_, client):

        async def ask(name: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
            response = await client.request(method, path, json=body, headers=AS_ADMIN, **more)
            assert response.is_success, response.text
            found[name] = response.json()
            return found[name]

        await ask("search", "GET", SEARCH)
        await ask("search", "GET", SEARCH)  # as quick as a service that has run for a while
        asked = {"q": "almond milk", "limit": 1, "fields": ["title", "price"]}
        first = (await ask("search_by_body", "POST", "/v1/search", asked))["hits"][0]["id"]
        await ask("search_batch", "POST", "/v1/search:batch", BATCH)
        await ask("suggest", "GET", "/v1/suggest?q=oat+mi&limit=3")
        embedded = await ask("embed", "POST", "/v1/embed", {"texts": ["oat milk"]})
        # The vectors shortened: they are hundreds of numbers long.
        embedded["vectors"] = [vector[:4] for vector in embedded["vectors"]]
        embedded["dims"] = 4
        await ask("product", "GET", f"/v1/products/{first}")
        await ask("patch", "PATCH", f"/v1/products/{first}", {"stock": 3})
        await ask("post", "POST", "/v1/products", {"id": "sku-1", "title": "Oat milk 1 l"})
        await ask("delete", "DELETE", "/v1/products/sku-1")
        event = EVENT | {"query_id": found["search"]["query_id"]}
        await ask("events", "POST", "/v1/events", event)
        listed = await ask("indexes", "GET", "/v1/indexes")
        other = next(one["version"] for one in listed["versions"] if not one["live"])
        await ask("publish", "POST", f"/v1/indexes/{other}:publish")
        await ask("rollback", "POST", "/v1/indexes:rollback")
        for probe in ("livez", "readyz", "healthz", "info"):
            await ask(probe, "GET", f"/{probe}")
    return found


async def lines(root: Path) -> dict[str, Any]:
    """Lines of an NDJSON answer by operation id, one of each outcome."""
    known = Engine.open(root).bundle.store.ids[0]
    sent = [
        {"id": "sku-1", "title": "Oat milk 1 l", "brand": "Oatly", "price": 2.49},
        {"put": {"id": "sku-1", "title": "Oat milk 1 l", "brand": "Oatly", "price": 2.29}},
        {"patch": {"id": "sku-1", "price": 2.29}},
        {"delete": known},
        {"delete": known},
        {"id": "sku-2", "title": "Oat milk 2 l", "price": "cheap"},
    ]
    body = "".join(json.dumps(line) + "\n" for line in sent)
    headers = {**AS_ADMIN, "Content-Type": "application/x-ndjson"}
    async with serving(Settings(index=root, keys=ADMIN)) as (_, client):
        response = await client.post("/v1/products", content=body, headers=headers)
        assert response.is_success, response.text
        return {"post": [json.loads(line) for line in response.text.splitlines()]}


async def worded(root: Path) -> dict[str, Any]:
    """Errors that some routes word otherwise, by the beginning of their path and by code."""
    full = OSError(28, "No space left on device")
    async with serving(Settings(index=root, keys=ADMIN)) as (_, client):
        with patch("os.fsync", side_effect=full):
            product = {"id": "sku-3", "title": "Oat milk 3 l"}
            response = await client.post("/v1/products", json=product, headers=AS_ADMIN)
    kept = EventSettings(path=root.parent / "more-events")
    async with serving(Settings(index=root, events=kept)) as (app, client):
        log = app.state.events.log
        with patch.object(log, "put", lambda *_: False), patch.object(log, "failing", True):
            unwritten = await client.post("/v1/events", json=EVENT)
    return {
        "/v1/products": {"unavailable": response.json()},
        "/v1/events": {"unavailable": unwritten.json()},
    }


async def problems(root: Path) -> dict[str, Any]:
    """An error by its code."""
    found: dict[str, Any] = {
        one.code: one.body(path="", request_id="01JCZ4N6W3M8Q0V5T7X9Y1A2BC")
        for one in (*REFUSED, protocol._CROWDED)
    }

    async def keep(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> None:
        body = (await client.request(method, path, **more)).json()
        if "code" in body:
            found[body["code"]] = body

    version = Engine.open(root).bundle.directory
    unopened = httpx.ASGITransport(create_app(Settings(index=root)))
    async with httpx.AsyncClient(transport=unopened, base_url="http://x") as client:
        await keep(client, "GET", "/v1/search?q=tea")
    settings = Settings(
        index=root,
        keys=ADMIN,
        rate=RateSettings(anonymous_per_second=0.1, anonymous_burst=30),
        http=HttpSettings(origins=(ORIGIN,)),
    )
    async with serving(settings) as (app, client):
        await keep(client, "GET", "/v1/indexes")
        preflight = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
        await keep(client, "OPTIONS", "/v1/search", headers=preflight)
        await keep(client, "GET", "/v1/serach?q=tea")
        await keep(client, "GET", "/v1/products/sku-404")
        await keep(client, "POST", "/v1/events", json={})
        await keep(client, "POST", "/v1/indexes/nightly:publish", headers=AS_ADMIN)
        await keep(client, "DELETE", "/v1/search")
        (root / "versions" / "other" / "calibration.json").write_text("{")
        await keep(client, "POST", "/v1/indexes/other:publish", headers=AS_ADMIN)
        await keep(client, "POST", "/v1/search", content=b"x" * 70_000)
        await keep(client, "POST", "/v1/search", content=b"q=tea", headers={"Content-Type": "a/b"})
        as_json = {"Content-Type": "application/json"}
        await keep(client, "POST", "/v1/search", content=b'{"q": "tea",}', headers=as_json)
        await keep(client, "GET", "/v1/search?q=tea&limit=0&colour=red")
        await keep(client, "GET", "/v1/search?q=tea&filter=prise+%3C+5")
        admission = admission_of(app)
        while admission.enter():
            pass
        await keep(client, "GET", "/v1/search?q=tea")
        while admission.pending:
            admission.leave()
        with patch("service.observer.Arrival", lambda: Arrival(at=perf_counter() - 0.06)):
            await keep(client, "GET", "/v1/search?q=tea&timeout_ms=50")
        with patch.object(ready_engine(app), "prepare", None):
            await keep(client, "GET", "/v1/search?q=tea&use_cache=false")
        with patch.object(ready_engine(app).encoder, "encode_queries", None):
            await keep(client, "POST", "/v1/embed", json={"texts": ["never asked before"]})
        while "rate_limited" not in found:
            await keep(client, "GET", "/v1/suggest?q=a")
    async with serving(Settings(index=version, keys=ADMIN)) as (_, client):
        await keep(client, "GET", "/v1/indexes", headers=AS_ADMIN)
    async with serving(Settings(index=version)) as (_, client):
        await keep(client, "GET", "/v1/indexes")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, default=REPOSITORY / "artifacts" / "demo" / "index")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "index"
        shutil.copytree(options.index, root, symlinks=True)
        shutil.copytree((root / "current").resolve(), root / "versions" / "other")
        found = {"answers": asyncio.run(answers(root))}
        found["lines"] = asyncio.run(lines(root))
        found["worded"] = asyncio.run(worded(root))
        found["problems"] = dict(sorted(asyncio.run(problems(root)).items()))
    text = json.dumps(found, indent=1, ensure_ascii=False)
    options.out.write_text(text.replace(directory, "/data") + "\n")


if __name__ == "__main__":
    main()

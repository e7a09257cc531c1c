"""What keys, rates, tags, compression and CORS cost a request, and what a batch saves.

    python benchmarks/service/api_costs.py --index ROOT --queries FILE --out raw.json

Inside one process, by turns in every round: the application is called as the server calls it, for
searches whose answers are kept, so that little else than the way of a request is measured.
Microseconds of processor time a request, the lower tenth of many short rounds, since whatever else
the machine does only adds to them; `more` is the difference from `plain`, everything off. Pages of
20 hits. `batch` compares searches that are not kept, 32 in one
request with 32 requests, a search.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from hashlib import sha256
from itertools import islice
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI
from load import kernel, report

from catalog.readers import read_queries
from index.engine import Engine
from service.app import create_app
from service.settings import (
    EncoderSettings,
    HttpSettings,
    KeySettings,
    LogSettings,
    RateSettings,
    Settings,
)

KEY, ORIGIN = "a search key", "https://shop.example"
KEYS = KeySettings(search_sha256=(sha256(KEY.encode()).hexdigest(),))
RATE = RateSettings(per_second=1e6, burst=1_000_000)
PLAIN = HttpSettings(etag=False, compress_bytes=0)
Headers = list[tuple[bytes, bytes]]
ASKING, FROM = [(b"accept-encoding", b"gzip, br")], [(b"origin", ORIGIN.encode())]
WITH_KEY = [(b"authorization", f"Bearer {KEY}".encode())]
BATCH = 32


def variants() -> dict[str, tuple[dict[str, Any], Headers]]:
    """Settings and headers by name."""
    tagged = HttpSettings(compress_bytes=0)
    pressed = HttpSettings(etag=False)
    crossed = HttpSettings(etag=False, compress_bytes=0, origins=(ORIGIN,))
    return {
        "plain": ({"http": PLAIN}, []),
        "as shipped": ({}, []),
        "tags": ({"http": tagged}, []),
        "gzip, not asked for": ({"http": pressed}, []),
        "gzip, asked for": ({"http": pressed}, ASKING),
        "keys": ({"http": PLAIN, "keys": KEYS}, WITH_KEY),
        "keys and rates": ({"http": PLAIN, "keys": KEYS, "rate": RATE}, WITH_KEY),
        "CORS, no origin": ({"http": crossed}, []),
        "CORS, listed origin": ({"http": crossed}, FROM),
    }


def scope(target: str, headers: Headers, method: str = "GET") -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"shop"), (b"user-agent", b"bench"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }


async def call(
    app: FastAPI, request: dict[str, Any], body: bytes = b""
) -> tuple[int, Headers, int]:
    """Status, headers and length of the answer."""
    seen: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        seen.append(message)

    await app(request, receive, send)  # type: ignore[arg-type]
    return seen[0]["status"], seen[0]["headers"], len(seen[1].get("body", b""))


async def round_of(app: FastAPI, targets: list[str], headers: list[Headers]) -> float:
    """Microseconds of processor time a request."""
    began = process_time()
    for target, own in zip(targets, headers, strict=True):
        await call(app, scope(target, own))
    return (process_time() - began) / len(targets) * 1e6


async def measure(engine: Engine, texts: list[str], rounds: int) -> dict[str, Any]:
    quiet = {"log": LogSettings(access=False), "answers": len(texts)}
    quiet |= {"encoder": EncoderSettings(max_wait_us=10_000_000), "index": engine.bundle.directory}
    targets = [f"/v1/search?q={quote(text)}&min_tier=irrelevant" for text in texts]
    ways: dict[str, Callable[[], Any]] = {}
    async with AsyncExitStack() as stack:

        async def serve(**settings: Any) -> FastAPI:
            app = create_app(Settings(**quiet | settings), engine)
            await stack.enter_async_context(app.router.lifespan_context(app))
            for target in targets:  # every answer is kept afterwards
                own = WITH_KEY if "keys" in settings else []
                status, _, _ = await call(app, scope(target, own))
                assert status == 200
            return app

        def way(app: FastAPI, headers: list[Headers]) -> Callable[[], Any]:
            return lambda: round_of(app, targets, headers)

        for name, (settings, headers) in variants().items():
            ways[name] = way(await serve(**settings), [headers] * len(targets))
        shipped = await serve()
        tags = [dict((await call(shipped, scope(one, [])))[1])[b"etag"] for one in targets]
        ways["304"] = way(shipped, [[(b"if-none-match", tag)] for tag in tags])
        sizes = {
            name: median([(await call(shipped, scope(target, own)))[2] for target in targets])
            for name, own in (("plain", []), ("gzip", ASKING))
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        kernels = []
        for _ in range(rounds):
            kernels.append(kernel())
            for name, run in ways.items():
                found[name].append(await run())
        batch = await batches(shipped, texts, rounds // 4)
    plain = found["plain"]
    return {
        "requests": {
            name: {
                "us": round(low(values), 1),
                "more": round(low(values) - low(plain), 1),
            }
            for name, values in found.items()
        },
        "bytes": sizes,
        "batch": batch,
        "kernel_us": [round(min(kernels), 1), round(median(kernels), 1)],
    }


async def batches(app: FastAPI, texts: list[str], rounds: int) -> dict[str, float]:
    """Microseconds a search that is not kept: alone, and 32 in one request."""
    alone, together = [], []
    as_json = [(b"content-type", b"application/json")]
    for number in range(rounds):
        few = [texts[(number * BATCH + at) % len(texts)] for at in range(BATCH)]
        targets = [f"/v1/search?q={quote(text)}&use_cache=false" for text in few]
        alone.append(await round_of(app, targets, [[]] * BATCH))
        body = orjson.dumps({"searches": [{"q": text, "use_cache": False} for text in few]})
        began = process_time()
        status, _, _ = await call(app, scope("/v1/search:batch", as_json, "POST"), body)
        together.append((process_time() - began) / BATCH * 1e6)
        assert status == 200
    return {
        "alone_us": round(low(alone), 1),
        "batch_us": round(low(together), 1),
        "ratio": round(low(together) / low(alone), 3),
    }


def low(values: list[float]) -> float:
    """The lower tenth."""
    return sorted(values)[len(values) // 10]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=80)
    parser.add_argument("--texts", type=int, default=40)
    options = parser.parse_args()
    texts = list(dict.fromkeys(text for text, _ in read_queries(options.queries)))
    engine = Engine.open(options.index, verify=False)
    found = asyncio.run(measure(engine, list(islice(texts, options.texts)), options.rounds))
    report(options.out, found)


if __name__ == "__main__":
    main()

"""What live updates cost: how fast they are written, what searches feel of it meanwhile and after.

    python benchmarks/service/updates.py --index ROOT --queries FILE --out raw.json

Over a copy of the live version: searches at a fixed rate alone; beside changes of price, a request
each; beside a bulk of products whose text changes; and with all these rows in the overlay. Then the
service starts again and another version takes over, with the time that both take.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path

import orjson
from load import CLIENT_CORES, Server, kernel, open_loop, pin, report, search_requests, serving
from swaps import copied

from index.live.updatable import journal_path
from index.store import FileStore
from index.versions import publish, resolve

KEY = "benchmark"


def ask(server: Server, method: str, path: str, body: bytes, kind: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request(method, path, body, {"X-API-Key": KEY, "Content-Type": kind})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{method} {path[:80]}: {answer.status} {data[:300]!r}")
    return data


def prices(server: Server, ids: list[str], took: list[float], stop: threading.Event) -> None:
    """Change one price after the other, until stopped."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=600)
    headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
    for number, name in enumerate(ids):
        if stop.is_set():
            return
        began = time.perf_counter()
        body = orjson.dumps({"price": 1.0 + number % 50})
        connection.request("PATCH", f"/v1/products/{name}", body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"PATCH {name}: {answer.status}")
        took.append(time.perf_counter() - began)


def bulk(server: Server, lines: list[bytes], took: list[float]) -> None:
    """Send products in one request."""
    began = time.perf_counter()
    data = ask(server, "POST", "/v1/products", b"\n".join(lines), "application/x-ndjson")
    took.append(time.perf_counter() - began)
    outcomes = {orjson.loads(line)["outcome"] for line in data.splitlines()}
    if outcomes - {"replaced", "unchanged"}:
        raise SystemExit(f"bulk: {outcomes}")


def percentiles(took: list[float]) -> dict[str, float]:
    ordered = sorted(took)
    return {
        "count": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2] * 1e3, 2),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))] * 1e3, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=200.0, help="searches a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--products", type=int, default=2000, help="whose text changes")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    pin(CLIENT_CORES)
    requests = search_requests(chosen.queries, 3000)
    source = resolve(chosen.index)
    store = FileStore.load(source)
    products = [store.fetch(row) for row in range(min(len(store), 4 * chosen.products))]
    texts = [
        orjson.dumps(product | {"title": f"{product['title']} new"})
        for product in products[: chosen.products]
    ]
    ids = [product["id"] for product in products[chosen.products :]]
    environment = {
        "GRADUS_KEYS__ADMIN_SHA256": orjson.dumps([sha256(KEY.encode()).hexdigest()]).decode(),
        "GRADUS_UPDATES__CARRY": "all",
    }
    result: dict[str, object] = {
        "products": len(store),
        "rate": chosen.rate,
        "kernel_us": [kernel()],
    }
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="gradus-updates-") as place:
        root = Path(place)
        for name in ("one", "two"):
            copied(source, root, name)
        publish(root, "one")
        with serving(root, **environment) as server:

            def searched() -> dict[str, object]:
                seen = open_loop(server.port, requests, chosen.rate, chosen.seconds)
                return seen.summary()

            result["alone"] = searched()
            took: list[float] = []
            stop = threading.Event()
            writer = threading.Thread(target=prices, args=(server, ids, took, stop))
            writer.start()
            result["beside_prices"] = searched()
            stop.set()
            writer.join()
            result["prices"] = percentiles(took)
            took = []
            writer = threading.Thread(target=bulk, args=(server, texts, took))
            cpu = server.cpu_seconds()
            writer.start()
            result["beside_bulk"] = searched()
            writer.join()
            result["bulk"] = {
                "lines": len(texts),
                "seconds": round(took[0], 2),
                "lines_a_second": round(len(texts) / took[0], 1),
                "cpu_seconds": round(server.cpu_seconds() - cpu, 2),
            }
            result["after"] = searched()
            result["kernel_us"] += [kernel()]
        result["journal_mib"] = round(os.path.getsize(journal_path(root, "one")) / 2**20, 2)
        began = time.perf_counter()
        with serving(root, **environment) as server:
            result["start_seconds"] = round(time.perf_counter() - began, 2)
            began = time.perf_counter()
            ask(server, "POST", "/v1/indexes/two:publish", b"", "application/json")
            result["take_over_seconds"] = round(time.perf_counter() - began, 2)
            result["after_take_over"] = open_loop(
                server.port, requests, chosen.rate, chosen.seconds
            ).summary()
    report(chosen.out, result)


if __name__ == "__main__":
    main()

"""Hundreds of index swaps under load: no answer lost, none of two versions, memory as before.

    python benchmarks/service/swaps.py --index ROOT --queries FILE --swaps 200 --out raw.json

Four versions are made of the live one: two whole ones whose products have prices of their own (so
that an answer's hits tell which version they are of), one with a flipped byte, one whose manifest
names another encoder. They are published by turns, by the admin route and by `current` alone, and
rolled back, while searches go on.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from itertools import cycle
from pathlib import Path

import numpy as np
import orjson
from load import CLIENT_CORES, open_loop, pin, report, search_requests, serving

from catalog.artefact import read_manifest, write_manifest
from index.versions import publish, resolve
from service.client import Client, ProblemError
from service.client.operation_results import Published

KEY = "benchmark"
PRICES = {"one": 1.0, "two": 2.0}


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def copied(source: Path, root: Path, name: str) -> Path:
    version = root / "versions" / name
    shutil.copytree(source, version, copy_function=link_or_copy)
    return version


def rewritten(version: Path, name: str) -> Path:
    """A file that is no link to the original any more."""
    path = version / name
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    return path


def manifest_again(version: Path, **parents: str) -> None:
    before = read_manifest(version, "index", verify=False)
    rewritten(version, "manifest.json")
    quality, merged = before.quality, {**before.parents, **parents}
    write_manifest(version, "index", parents=merged, config=before.config, quality=quality)


def repriced(version: Path, price: float) -> None:
    path = rewritten(version, "products.jsonl")
    products = (orjson.loads(line) | {"price": price} for line in path.read_bytes().splitlines())
    lines = [orjson.dumps(product) + b"\n" for product in products]
    path.write_bytes(b"".join(lines))
    offsets = rewritten(version, "product_offsets.npy")
    np.save(offsets, np.cumsum([0, *map(len, lines)]).astype(np.int64))
    manifest_again(version)


def versions(source: Path, root: Path) -> None:
    for name, price in PRICES.items():
        repriced(copied(source, root, name), price)
    broken = rewritten(copied(source, root, "corrupt"), "vectors.npy")
    data = bytearray(broken.read_bytes())
    data[len(data) // 2] ^= 1
    broken.write_bytes(data)
    manifest_again(copied(source, root, "foreign"), encoder="0" * 64)
    publish(root, "one")


def status(call: Callable[[], Published]) -> int:
    """Status of an admin call."""
    try:
        call()
    except ProblemError as error:
        return error.problem.status
    return 200


def swap(client: Client, root: Path, swaps: int, done: Counter[str]) -> None:
    """All the swaps, one after the other."""
    ways = ("two", "corrupt", "one", "foreign", "rollback", "watch two", "watch corrupt", "one")
    for _, way in zip(range(swaps), cycle(ways), strict=False):
        if way == "rollback":
            done[f"{way}: {status(client.rollback)}"] += 1
        elif way.startswith("watch"):
            publish(root, way.split()[1])
            time.sleep(0.5)
            done[way] += 1
        else:
            done[f"{way}: {status(partial(client.publish, way))}"] += 1
    done["over"] = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--rate", type=float, default=200.0, help="searches a second")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    source = resolve(asked.index)
    root = Path(tempfile.mkdtemp(prefix="gradus-swaps-"))
    mixed: list[str] = []
    degraded: Counter[str] = Counter()
    served: Counter[str] = Counter()

    def check(status: int, body: bytes) -> None:
        if status != 200:
            return
        answer = orjson.loads(body)
        version = answer["index"]["version"]
        served[version] += 1
        degraded.update(answer["degraded"])
        if any(hit["fields"].get("price") != PRICES[version] for hit in answer["hits"]):
            mixed.append(version)

    try:
        versions(source, root)
        requests = search_requests(asked.queries, 1000, "&use_cache=false")
        environment = {
            "GRADUS_KEYS__ADMIN_SHA256": f'["{sha256(KEY.encode()).hexdigest()}"]',
            "GRADUS_RELOAD__WATCH_SECONDS": "0.1",
            "GRADUS_LIMITS__QUEUE_MS": "1000",
        }
        with serving(root, "--workers", str(asked.workers), **environment) as server:
            open_loop(server.port, requests, asked.rate, 3.0, check)
            client = server.client(KEY)
            client.publish("two")  # what two versions in turn need at most
            client.publish("one")
            before, open_before = server.memory(), server.descriptors()
            done: Counter[str] = Counter()
            swapper = threading.Thread(target=swap, args=(client, root, asked.swaps, done))
            swapper.start()
            parts = [open_loop(server.port, requests, asked.rate, 0.1, check)]
            while not done["over"]:
                parts.append(open_loop(server.port, requests, asked.rate, 2.0, check))
            swapper.join()
            time.sleep(2.0)
            result = {
                "swaps": dict(done),
                "served": dict(served),
                "mixed_answers": len(mixed),
                "degraded": dict(degraded),
                "statuses": dict(sum((Counter(part.status) for part in parts), Counter())),
                "lost": sum(part.lost for part in parts),
                "p99_ms": float(np.percentile(np.concatenate([part.of() for part in parts]), 99)),
                "rss_mib": [before, server.memory()],
                "descriptors": [open_before, server.descriptors()],
            }
        report(asked.out, result)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()

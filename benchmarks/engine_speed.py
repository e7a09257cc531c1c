"""Where the time of one search goes, the encoder left out and taken in, on one core.

    gradus index build --products A.jsonl --layout esci [--products B ...] --encoder DIR --out ROOT
    OMP_NUM_THREADS=1 python benchmarks/engine_speed.py --index ROOT --queries FILE --out raw.json

`engine` is all of a search but the encoder: understanding the query, both arms, relevance, tiers,
the page and its products. Clocks wander: a fixed calculation (the kernel) runs before every search,
and its median stands beside the figures. Compare two runs by their ratios to it, not by
microseconds. Variants run one after the other, each once to warm up, so that none empties the
caches of the next; of several rounds the one where the hybrid search is quickest is reported in
full. `engine_cpu` is time of the thread alone: waiting for other programs does not count.

`profile` says where the time of the hybrid search goes, and what a hundredth of the catalogue put
again live adds to it.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from time import perf_counter, thread_time

import numpy as np
from numpy.typing import NDArray

from catalog.readers import read_queries
from index.engine import Engine
from index.live.updatable import UpdatableIndex
from index.live.updates import Patch
from index.request import SearchRequest
from index.stopwatch import Stopwatch

STAGES = ("prepare", "dense", "lexical", "blend", "fetch")
VARIANTS = {
    "hybrid": {},
    "hybrid, every vector looked at": {"exact": True},
    "lexical": {"mode": "lexical"},
    "semantic": {"mode": "semantic"},
}


def kernel() -> float:
    """Seconds of a fixed calculation: what the machine is worth at this moment."""
    start = perf_counter()
    total = 0
    for number in range(2000):
        total += number * number % 7
    matrix = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)
    (matrix @ matrix).sum()
    return perf_counter() - start


def measure(engine: Engine, requests: Sequence[SearchRequest]) -> dict[str, float]:
    """Medians by stage, with 99th percentiles of the whole, in microseconds."""
    vectors = [vector_of(engine, request) for request in requests]
    times: dict[str, list[float]] = defaultdict(list)
    for request, vector in [*zip(requests, vectors, strict=True)] * 2:
        times["kernel"].append(kernel() * 1e6)
        cpu, watch = thread_time(), Stopwatch()
        prepared = engine.prepare(request)
        watch.lap("prepare")
        result = engine.answer(prepared, vector, watch)
        times["engine_cpu"].append((thread_time() - cpu) * 1e6)
        stages = {stage: value * 1e3 for stage, value in result.timing_ms.items()}
        times["engine"].append(stages.pop("total"))
        for stage, microseconds in stages.items():
            times[stage].append(microseconds)
        times["hits"].append(len(result.hits))
    for request in [*requests] * 2:
        times["with_encoder"].append(engine.search(request).timing_ms["total"] * 1e3)
    kept = {stage: values[len(requests) :] for stage, values in times.items()}
    table = {stage: round(float(np.median(values)), 1) for stage, values in kept.items()}
    for stage in ("engine", "engine_cpu", "with_encoder", "kernel"):
        table[f"{stage}_p99"] = round(float(np.percentile(kept[stage], 99)), 1)
    table["engine_by_kernel"] = round(table["engine"] / table["kernel"], 2)
    return table


def profile(table: dict[str, float]) -> list[dict[str, float | str]]:
    """Stages of one search with their medians and shares of the whole, longest first."""
    known = {stage: table[stage] for stage in table if stage in STAGES}
    known["between stages"] = max(0.0, table["engine"] - sum(known.values()))
    return [
        {"stage": stage, "us": round(value, 1), "share": round(value / table["engine"], 3)}
        for stage, value in sorted(known.items(), key=lambda part: -part[1])
    ]


def updated(engine: Engine) -> Engine:
    """The engine after one product in a hundred was put again with another price."""
    index = UpdatableIndex(engine)
    rows = range(0, len(engine.bundle.store), 100)
    index.apply(
        [Patch(product.id, {"price": 1.0}) for product in engine.bundle.store.products(rows)]
    )
    return index.engine


def vector_of(engine: Engine, request: SearchRequest) -> NDArray[np.float32] | None:
    prepared = engine.prepare(request)
    return engine.encode(prepared) if prepared.needs_vector else None


def recall(engine: Engine, requests: Sequence[SearchRequest]) -> dict[str, float]:
    """Share of the hits of `exact` that a plain search shows as well; where they are the same."""
    shares, same = [], []
    for request in requests:
        exact = [hit.id for hit in engine.search(replace(request, exact=True)).hits]
        found = [hit.id for hit in engine.search(request).hits]
        if exact:
            shares.append(len({*exact} & {*found}) / len(exact))
        same.append(exact == found)
    return {"recall": float(np.mean(shares)), "equal_lists": float(np.mean(same))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    engine = Engine.open(arguments.index)
    queries = [query for query, _ in islice(read_queries(arguments.queries), arguments.count)]
    requests = [SearchRequest(query, limit=arguments.limit) for query in queries]
    rounds = [
        {
            name: measure(engine, [replace(request, **change) for request in requests])
            for name, change in VARIANTS.items()
        }
        for _ in range(arguments.rounds)
    ]
    bundle = engine.bundle
    best = min(rounds, key=lambda table: table["hybrid"]["engine"])
    report = {
        "command": " ".join(sys.argv),
        "machine": {"processor": platform.processor() or platform.machine(), "cpus": cpu_model()},
        "libraries": {name: version(name) for name in ("numpy", "hnswlib", "onnxruntime")},
        "python": platform.python_version(),
        "products": len(bundle.store),
        "dim": bundle.dense.dim,
        "dense": asdict(bundle.dense.settings),
        "candidates": bundle.candidates,
        "queries": len(queries),
        "against_exact": {"limit": arguments.limit, **recall(engine, requests)},
        "median_us": best,
        "profile": {
            "hybrid": profile(best["hybrid"]),
            "hybrid, 1 % put live": profile(measure(updated(engine), requests)),
        },
        "rounds": [
            {stage: table["hybrid"][stage] for stage in ("kernel", "engine", "engine_by_kernel")}
            for table in rounds
        ],
    }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


def cpu_model() -> str:
    """The processor by name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else "unknown"


if __name__ == "__main__":
    main()

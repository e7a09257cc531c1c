"""Where the time of one search goes: medians by stage, in microseconds, on one core.

    gradus index build --products A.jsonl --layout esci [--products B ...] --encoder DIR --out ROOT
    OMP_NUM_THREADS=1 python benchmarks/engine_speed.py --index ROOT --queries FILE --out raw.json

Clocks wander: a fixed calculation (the kernel) runs before every search, and its median stands
beside the figures. Compare two runs by their ratios to it, not by microseconds.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections import defaultdict
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np

from catalog.readers import read_queries
from index.engine import Engine
from index.request import SearchRequest

VARIANTS = {
    "hybrid": {},
    "hybrid, exact scan": {"exact": True},
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


def measure(engine: Engine, queries: list[str], limit: int) -> dict[str, dict[str, float]]:
    """Medians in microseconds by variant and stage, the variants taken in turns."""
    times: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in VARIANTS}
    for query in queries:
        for name, change in VARIANTS.items():
            times[name]["kernel"].append(kernel() * 1e6)
            result = engine.search(replace(SearchRequest(query, limit=limit), **change))
            for stage, milliseconds in result.timing_ms.items():
                times[name][stage].append(milliseconds * 1e3)
            times[name]["hits"].append(len(result.hits))
    return {
        name: {
            **{stage: round(float(np.median(values)), 1) for stage, values in stages.items()},
            "total_p99": round(float(np.percentile(stages["total"], 99)), 1),
        }
        for name, stages in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    engine = Engine.open(arguments.index)
    queries = [query for query, _ in islice(read_queries(arguments.queries), arguments.count)]
    for query in queries[:20]:
        engine.search(SearchRequest(query))
    bundle = engine.bundle
    report = {
        "command": " ".join(sys.argv),
        "machine": {"processor": platform.processor() or platform.machine(), "cpus": cpu_model()},
        "libraries": {name: version(name) for name in ("numpy", "hnswlib", "onnxruntime")},
        "python": platform.python_version(),
        "products": len(bundle.store),
        "dim": int(bundle.dense.vectors.shape[1]),
        "ef": bundle.dense.settings.ef,
        "candidates": bundle.candidates,
        "queries": len(queries),
        "median_us": measure(engine, queries, arguments.limit),
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

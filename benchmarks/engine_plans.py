"""From which size on a graph finds near vectors faster than a scan of half a byte a dimension.

    OMP_NUM_THREADS=1 python benchmarks/engine_plans.py --index ROOT --queries FILE --out raw.json

Catalogues of several sizes are made from the vectors of an index: rows drawn at random, each turned
a little. `ef` is the breadth at which the graph reaches the floors of `index.settling`. Plans
take turns in blocks of queries; medians in microseconds, beside the kernel of `engine_speed.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from catalog.readers import read_queries
from index.dense import DenseIndex, DenseSettings, Plan
from index.dense_build import arrange
from index.engine import Engine
from index.vectors import VectorTable

speed = import_module("engine_speed")  # the script beside this one

CANDIDATES = 200
PROBES = 100
ROUNDS = 3
SIZES = (16_384, 32_768, 65_536, 131_072, 262_144)
PLANS: tuple[Plan, ...] = ("scan", "graph")
Vectors = NDArray[np.float32]


def grown(vectors: Vectors, rows: int, random: np.random.Generator) -> Vectors:
    """`rows` unit vectors, each near one of `vectors` (cosine about 0.9)."""
    drawn = vectors[random.integers(0, len(vectors), rows)]
    noise = random.standard_normal(drawn.shape, np.float32) * (0.5 / drawn.shape[1] ** 0.5)
    drawn = drawn + noise
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def measure(vectors: Vectors, queries: Vectors) -> dict[str, object]:
    """Both plans for one catalogue: median of a search, and what the graph needed."""
    ranks = np.arange(len(vectors))
    found = {
        plan: arrange(VectorTable(vectors), queries[:PROBES], CANDIDATES, DenseSettings(plan=plan))
        for plan in PLANS
    }
    times: dict[str, list[float]] = {plan: [] for plan in PLANS}
    kernels = [speed.kernel() * 1e6 for _ in queries]
    for _ in range(ROUNDS):
        for plan in PLANS:
            times[plan] += block(found[plan][0], queries, ranks)
    quality = found["graph"][1]
    return {
        "rows": len(vectors),
        "kernel": round(float(np.median(kernels)), 1),
        **{f"{plan}_us": round(float(np.median(times[plan])), 1) for plan in PLANS},
        "ef": quality.ef,
        "recall_20": round(quality.recall_20, 4),
        "recall_candidates": round(quality.recall_candidates, 4),
    }


def block(dense: DenseIndex, queries: Vectors, ranks: NDArray[np.int64]) -> list[float]:
    """Microseconds of each search, after a few to warm up."""
    for query in queries[:20]:
        dense.top(query, CANDIDATES, ranks)
    times = []
    for query in queries:
        start = perf_counter()
        dense.top(query, CANDIDATES, ranks)
        times.append((perf_counter() - start) * 1e6)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    engine = Engine.open(arguments.index)
    texts = [query for query, _ in islice(read_queries(arguments.queries), arguments.count)]
    queries = engine.encoder.encode_queries(texts)
    random = np.random.default_rng(0)
    vectors = engine.bundle.dense.take(np.arange(len(engine.bundle.store)))
    report = {
        "command": " ".join(sys.argv),
        "cpus": speed.cpu_model(),
        "dim": engine.encoder.dim,
        "candidates": CANDIDATES,
        "sizes": [measure(grown(vectors, rows, random), queries) for rows in SIZES],
    }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

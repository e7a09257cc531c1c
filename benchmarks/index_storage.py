"""What storing vectors in fewer bytes or dimensions costs: size, nearness, speed, ranking.

    OMP_NUM_THREADS=1 python benchmarks/index_storage.py --index ROOT --queries FILE \
        --qrels FILE --out raw.json

The index is opened once, and its vectors (fp32, all dimensions) are stored anew in each way, with a
scan and, with `--graph`, with a graph. `overlap_20` is the share of the nearest 20 by the encoder's
own vectors that are the nearest 20 as stored; `recall_20` how many of the latter a search finds;
`us` the median of one search of the dense arm for 200 candidates, variants in turns, beside the
kernel of `engine_speed.py`. nDCG@10 is that of `mode=semantic` and `hybrid` on the judgments, with
the calibration of the index as it is. Sizes in MB: vectors on disk, and what stays in memory.
"""

from __future__ import annotations

import argparse
import json
import sys
from copy import copy
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from catalog.measures import evaluate_run, qrels_of
from catalog.readers import read_judgments, read_queries
from export.dims import shortened
from index.dense import DenseIndex, DenseSettings, pair_scores
from index.dense_build import arrange
from index.engine import Engine
from index.vectors import store_as

speed = import_module("engine_speed")  # the script beside this one

CANDIDATES = 200
DEPTH = 20
ROUNDS = 3
PROBES = 100
Vectors = NDArray[np.float32]


def variants(dim: int) -> list[tuple[str, int]]:
    """Kind of storage and dimensions kept."""
    return [
        *((kind, dim) for kind in ("fp32", "fp16", "int8")),
        *(("fp32", dim // part) for part in (2, 4)),
        ("int8", dim // 2),
    ]


def nearest(vectors: Vectors, queries: Vectors) -> list[set[int]]:
    """The nearest 20 rows of each query by a look at every one."""
    return [{*np.argsort(-pair_scores(vectors, query))[:DEPTH].tolist()} for query in queries]


def ndcg(engine: Engine, dense: DenseIndex, qrels: dict[str, dict[str, int]]) -> dict[str, float]:
    """Mean nDCG@10 by mode with another dense arm in the index."""
    changed = copy(engine)
    changed.bundle = replace(engine.bundle, dense=dense)
    if dense.dim < engine.encoder.dim:
        changed.encoder = engine.encoder.cut(dense.dim)
    means = {}
    for mode in ("semantic", "hybrid"):
        run = {query: [hit[0] for hit in changed.retrieve(query, mode, 50)] for query in qrels}
        values = evaluate_run(qrels, run)["ndcg@10"]
        means[mode] = round(float(np.mean(values)), 4)
    return means


def block(dense: DenseIndex, queries: Vectors) -> list[float]:
    """Microseconds of each search."""
    ranks, times = np.arange(dense.products), []
    for query in queries:
        start = perf_counter()
        dense.top(query, CANDIDATES, ranks)
        times.append((perf_counter() - start) * 1e6)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--qrels", type=Path, required=True)
    parser.add_argument("--graph", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    engine = Engine.open(arguments.index)
    known = frozenset(engine.bundle.store.ids)
    qrels = qrels_of(read_judgments(arguments.qrels, known_products=known))
    texts = [query for query, _ in islice(read_queries(arguments.queries), PROBES)]
    vectors = engine.bundle.dense.take(np.arange(len(engine.bundle.store)))
    full = engine.encoder.encode_queries(texts)
    exact = nearest(vectors, full)
    rows, arms = [], []
    for kind, dims in variants(vectors.shape[1]):
        kept = vectors if dims == vectors.shape[1] else shortened(vectors, dims)
        queries = full if dims == vectors.shape[1] else shortened(full, dims)
        table = store_as(kept, kind)
        floats = table.take(np.arange(len(table)))
        shares = [len(a & b) / DEPTH for a, b in zip(exact, nearest(floats, queries), strict=True)]
        for plan in ("scan", "graph") if arguments.graph else ("scan",):
            settings = DenseSettings(plan=plan, vectors=kind)
            dense, quality = arrange(table, queries, CANDIDATES, settings)
            graph_bytes = len(table) * (4 * dims + 4 * 2 * settings.m * 1.06)
            rows.append(
                {
                    "vectors": kind,
                    "dims": dims,
                    "plan": plan,
                    "disk_mb": round(table.bytes / 1e6, 1),
                    "memory_mb": round(
                        (len(table) * dims if plan == "scan" else graph_bytes) / 1e6, 1
                    ),
                    "overlap_20": round(float(np.mean(shares)), 4),
                    "recall_20": round(quality.recall_20, 4),
                    "ef": quality.ef,
                    "ndcg@10": ndcg(engine, dense, qrels),
                }
            )
            arms.append((dense, queries))
    times: list[list[float]] = [[] for _ in arms]
    kernels = []
    for _ in range(ROUNDS):
        for (dense, queries), found in zip(arms, times, strict=True):
            kernels += [speed.kernel() * 1e6 for _ in range(20)]
            found += block(dense, queries)
    for row, found in zip(rows, times, strict=True):
        row["us"] = round(float(np.median(found)), 1)
    report = {
        "command": " ".join(sys.argv),
        "cpus": speed.cpu_model(),
        "products": len(known),
        "judged_queries": len(qrels),
        "kernel_us": round(float(np.median(kernels)), 1),
        "variants": rows,
    }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

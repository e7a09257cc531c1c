"""What a filter costs and what it finds, by the share of products that pass it.

    gradus index build --products A.jsonl --layout esci [--products B ...] --encoder DIR --out ROOT
    OMP_NUM_THREADS=1 python benchmarks/filters.py --index ROOT --queries FILE --out raw.json

Products get a number drawn at random, and filters ask for less than some share of it; real fields
(brand, store, category) stand beside, since what they let pass lies together. Every query is
asked plain and with each filter in turn, so that a slow moment hits all alike; `ratio` is median
to median, of the time of the thread alone (`cpu`) and of the clock (`wall`). The encoder is left
out, as in `engine_speed.py`: with it every ratio is nearer to 1. `cold` is a filter never seen
before, to be parsed and matched; others are remembered. `--plan graph` makes the graph here, from
the vectors of the index, whatever its own plan.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from time import perf_counter, thread_time

import numpy as np
from numpy.typing import NDArray

from catalog.readers import read_queries
from index.dense import DenseIndex, DenseSettings
from index.dense_build import arrange
from index.engine import Engine
from index.filtering.columns import Column, Columns
from index.prepared import Prepared
from index.request import SearchRequest

speed = import_module("engine_speed")  # the script beside this one

SHARES = (0.5, 0.25, 0.1, 0.01, 0.001, 0.0001)
FLOOR = 0.98
LIMIT = 20
DRAWN = "drawn_at_random"
Asked = tuple[Prepared, NDArray[np.float32] | None]


def opened(index: Path, plan: str | None, probes: Sequence[str]) -> Engine:
    """The engine over the same products with a random number each, by the plan asked for."""
    engine = Engine.open(index)
    bundle, rows = engine.bundle, len(engine.bundle.store)
    drawn = np.random.default_rng(0).permutation(rows) / rows
    column = Column(DRAWN, "number", rows, np.arange(rows, dtype=np.int32), drawn)
    dense = bundle.dense
    if plan is not None and isinstance(dense, DenseIndex) and dense.settings.plan != plan:
        queries = engine.encoder.encode_queries(list(probes))
        settings = DenseSettings(plan=plan)  # type: ignore[arg-type]
        dense = arrange(dense.vectors, queries, bundle.candidates, settings)[0]
    columns = Columns(rows, [*bundle.columns, column])
    return engine.over(replace(bundle, dense=dense, columns=columns))


def filters_of(engine: Engine) -> dict[str, str]:
    """Filters by name: random ones of every share, and the commonest values of real fields."""
    found = {f"random {share:.2%}": f"{DRAWN} < {share}" for share in SHARES}
    for name in ("brand", "store", "category"):
        column = engine.bundle.columns.find(name)
        if column is None or not len(column.rows):
            continue
        counts = np.bincount(column.values)
        for place in counts.argsort()[::-1][[0, 9] if len(counts) > 9 else [0]]:
            label = column.labels[place].replace('"', '\\"')
            found[f"{name}, {counts[place]} products"] = f'{name} = "{label}"'
    return found


def prepared(engine: Engine, request: SearchRequest) -> Asked:
    """Everything before the search itself, and the vector."""
    ready = engine.prepare(request)
    return ready, engine.encode(ready) if ready.needs_vector else None


def measure(engine: Engine, queries: Sequence[str], filters: dict[str, str]) -> dict[str, object]:
    """Times by filter, taken in turns; `plain` is the same query without one."""
    plain = [SearchRequest(query, limit=LIMIT, min_tier="irrelevant") for query in queries]
    texts = {"plain": "", **filters}
    asked = {
        name: [prepared(engine, replace(request, filter=text)) for request in plain]
        for name, text in texts.items()
    }
    times = {name: (np.zeros(len(plain)), np.zeros(len(plain))) for name in texts}
    kernels = []
    for turn in range(2):  # the first is to warm up
        for number in range(len(plain)):
            kernels.append(speed.kernel() * 1e6)
            for name in texts:
                ready, vector = asked[name][number]
                cpu, wall = thread_time(), perf_counter()
                engine.answer(ready, vector)
                times[name][0][number] = (thread_time() - cpu) * 1e6
                times[name][1][number] = (perf_counter() - wall) * 1e6
        if not turn:
            kernels.clear()
    medians = {name: [float(np.median(column)) for column in both] for name, both in times.items()}
    table: dict[str, object] = {
        name: {
            "filter": texts[name],
            "cpu_us": round(cpu, 1),
            "wall_us": round(wall, 1),
            "cpu_ratio": round(cpu / medians["plain"][0], 3),
            "wall_ratio": round(wall / medians["plain"][1], 3),
            **found(engine, asked[name]),
        }
        for name, (cpu, wall) in medians.items()
    }
    return {"kernel_us": round(float(np.median(kernels)), 1), "filters": table}


def found(engine: Engine, asked: Sequence[Asked]) -> dict[str, object]:
    """Whether pages are full, and the share of exact hits on them."""
    full, shares, plans = [], [], set()
    passing = engine.bundle.products
    for ready, vector in asked:
        result = engine.answer(ready, vector)
        passing = int(result.plan.get("filter_passing", passing))
        exact = engine.answer(replace(ready, request=replace(ready.request, exact=True)), vector)
        ids = {hit.id for hit in exact.hits}
        full.append(len(result.hits) == min(LIMIT, passing))
        shares.append(len(ids & {hit.id for hit in result.hits}) / len(ids) if ids else 1.0)
        plans.add(result.plan.get("filter", result.plan.get("semantic", "")))
    return {
        "passing": passing,
        "full": float(np.mean(full)),
        "recall": round(float(np.mean(shares)), 4),
        "plan": "+".join(sorted(plans)),
    }


def cold(engine: Engine, query: str, count: int = 200) -> dict[str, float]:
    """Microseconds of thread to understand a request: without filter, and with one never seen."""
    plain, new = [], []
    for number in range(count):
        text = f'{DRAWN} < 0.1{number:06} AND brand != "a" AND category EXISTS'
        for times, request in (
            (plain, SearchRequest(query)),
            (new, SearchRequest(query, filter=text)),
        ):
            start = thread_time()
            engine.prepare(request)
            times.append((thread_time() - start) * 1e6)
    return {"plain_us": float(np.median(plain)), "new_filter_us": float(np.median(new))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--plan", choices=["scan", "graph"])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    texts = [query for query, _ in islice(read_queries(arguments.queries), arguments.count + 100)]
    engine = opened(arguments.index, arguments.plan, texts[arguments.count :])
    queries = [
        text
        for text in texts[: arguments.count]
        if engine.prepare(SearchRequest(text)).needs_vector
    ]
    measured = measure(engine, queries, filters_of(engine))
    report = {
        "command": " ".join(sys.argv),
        "cpus": speed.cpu_model(),
        "products": engine.bundle.products,
        "plan": engine.bundle.dense.settings.plan,
        "ef": engine.bundle.dense.settings.ef,
        "candidates": engine.bundle.candidates,
        "queries": len(queries),
        "limit": LIMIT,
        "understanding": cold(engine, queries[0]),
        **measured,
    }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

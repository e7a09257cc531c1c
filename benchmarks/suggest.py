"""How long a completion takes, in process, for every beginning of real queries.

    OMP_NUM_THREADS=1 python benchmarks/suggest.py --index ROOT --queries FILE --out raw.json

Every query is typed letter by letter, and once more with a slip in it. Time of the thread alone
leaves out waiting for other programs. The kernel is a fixed
calculation before each call, what the machine is worth at this moment.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from importlib import import_module
from itertools import islice
from pathlib import Path
from time import perf_counter, thread_time

import numpy as np

from catalog.readers import read_queries
from catalog.slips import with_a_slip
from index.bundle import SUGGEST_DIR
from index.suggest.suggester import Suggester
from index.suggest.table import SuggestTable
from index.versions import resolve

speed = import_module("engine_speed")  # the script beside this one


def beginnings(queries: list[str]) -> list[str]:
    return [query[:length] for query in queries for length in range(1, len(query) + 1)]


def measure(suggester: Suggester, typed: list[str], limit: int) -> dict[str, object]:
    times, cpu, kernels, matches, none = [], [], [], Counter[str](), 0
    for text in typed[:200]:
        suggester.suggest(text, limit)
    for text in typed:
        kernels.append(speed.kernel() * 1e3)
        own, began = thread_time(), perf_counter()
        found = suggester.suggest(text, limit)
        times.append((perf_counter() - began) * 1e3)
        cpu.append((thread_time() - own) * 1e3)
        matches.update(one.match for one in found)
        none += not found
    ratios = np.array(times) / np.median(kernels)
    return {
        "calls": len(typed),
        "without_a_completion": none,
        "matches": dict(matches),
        "milliseconds": percentiles(times),
        "milliseconds_of_its_thread": percentiles(cpu),
        "kernel_ms": round(float(np.median(kernels)), 4),
        "p99_by_kernel": round(float(np.percentile(ratios, 99)), 3),
    }


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{at}": round(float(np.percentile(values, at)), 4) for at in (50, 90, 99, 99.9)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    table = SuggestTable.load(resolve(arguments.index) / SUGGEST_DIR)
    suggester = Suggester(table)
    queries = [query for query, _ in islice(read_queries(arguments.queries), arguments.count)]
    slipped = [text for query in queries if (text := with_a_slip(query, 0)) is not None]
    report = {
        "command": " ".join(sys.argv),
        "machine": speed.cpu_model(),
        "entries": len(table.entry_ends),
        "words": len(table.words),
        "typed": measure(suggester, beginnings(queries), arguments.limit),
        "typed_with_a_slip": measure(suggester, beginnings(slipped), arguments.limit),
    }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

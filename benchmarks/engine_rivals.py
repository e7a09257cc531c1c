"""Hybrid search beside qdrant-edge: the same vectors, the same lexical weights, one thread each.

    pip install --target RIVAL qdrant-edge-py
    OMP_NUM_THREADS=1 PYTHONPATH=RIVAL python benchmarks/engine_rivals.py \
        --index ROOT --queries FILE --out raw.json

Both get query vectors made beforehand, take 200 candidates from each arm and give 20 products back.
The rival gets our BM25F weights as sparse vectors, so its sparse arm ranks as ours does; it fuses
by distribution (DBSF). Its `hnsw_ef` is the least tried at which its dense arm finds 99 of 100 of
the exact nearest 20. Engines take turns in blocks of queries; microseconds, beside the kernel of
`engine_speed.py`. What ours does besides: missing scores, calibrated relevance, tiers, totals.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.readers import read_queries
from index.bundle import LEXICAL_DIR, IndexBundle
from index.engine import Engine
from index.lexical import idf
from index.prepared import Prepared
from index.request import SearchRequest

speed = import_module("engine_speed")  # the script beside this one
qe = import_module("qdrant_edge")  # of whoever runs this: the project does not depend on it

CANDIDATES = 200
LIMIT = 20
ROUNDS = 5
BREADTHS = (128, 200, 400, 800, 1600, 3200)
BATCH = 1000
Asked = tuple[Prepared, list[float], Any]


class Rival:
    """One shard with a dense and a sparse vector a product, optimised before the first search."""

    def __init__(self, bundle: IndexBundle, directory: Path) -> None:
        self._idf, self._number = {}, {}
        self._shard = qe.EdgeShard.create(
            str(directory),
            qe.EdgeConfig(
                vectors={
                    "dense": qe.EdgeVectorParams(
                        size=bundle.dense.dim,
                        distance=qe.Distance.Dot,
                        memory=qe.Memory.Cached,
                        hnsw_config=qe.HnswIndexConfig(
                            m=32, ef_construct=200, full_scan_threshold=10, max_indexing_threads=1
                        ),
                    )
                },
                sparse_vectors={"text": qe.EdgeSparseVectorParams(memory=qe.Memory.Cached)},
                payload_memory=qe.Memory.Cached,
                max_search_threads=1,
            ),
        )
        self._fill(bundle)

    def sparse(self, prepared: Prepared) -> Any:
        """The weights of the query's known terms."""
        known = [(self._number[t], n) for t, n in prepared.terms.counts if t in self._number]
        return qe.SparseVector(
            [number for number, _ in known], [count * self._idf[at] for at, count in known]
        )

    def near(self, vector: list[float], ef: int, *, exact: bool = False) -> list[float]:
        """Scores of the best 200 of the dense arm."""
        found = self._shard.query(
            qe.QueryRequest(
                limit=CANDIDATES,
                query=qe.Query.Nearest(vector, using="dense"),
                params=qe.SearchParams(hnsw_ef=ef, exact=exact),
            )
        )
        return [point.score for point in found]

    def hybrid(self, vector: list[float], sparse: Any, ef: int) -> int:
        """Number of products given back."""
        params = qe.SearchParams(hnsw_ef=ef)
        arms = [
            qe.Prefetch(CANDIDATES, qe.Query.Nearest(vector, using="dense"), params=params),
            qe.Prefetch(CANDIDATES, qe.Query.Nearest(sparse, using="text")),
        ]
        fused = qe.QueryRequest(
            limit=LIMIT, query=qe.Fusion.Dbsf(), prefetches=arms, with_payload=True
        )
        return len([point.payload for point in self._shard.query(fused)])

    def _fill(self, bundle: IndexBundle) -> None:
        lexical = bundle.directory / LEXICAL_DIR
        starts, rows, saturation = (
            np.load(lexical / f"{name}.npy") for name in ("starts", "rows", "saturation")
        )
        vocabulary = json.loads((lexical / "vocabulary.json").read_text())
        self._number = {term: number for number, term in enumerate(vocabulary)}
        self._idf = idf(np.diff(starts), len(bundle.store)).tolist()
        terms = np.repeat(np.arange(len(vocabulary)), np.diff(starts))
        order = np.argsort(rows, kind="stable")
        bounds = np.searchsorted(rows[order], np.arange(len(bundle.store) + 1))
        # Not in catalogue order: its graph, too, is the better for it.
        drawn = np.random.default_rng(0).permutation(len(bundle.store)).tolist()
        kept = bundle.dense.take(np.arange(len(bundle.store)))
        for start in range(0, len(drawn), BATCH):
            points = []
            for row in drawn[start : start + BATCH]:
                own = order[bounds[row] : bounds[row + 1]]
                text = qe.SparseVector(terms[own].tolist(), saturation[own].tolist())
                vectors = {"dense": kept[row].tolist(), "text": text}
                points.append(qe.Point(row, vectors, bundle.store.fetch(row)))
            self._shard.update(qe.UpdateOperation.upsert_points(points))
        while self._shard.optimize():
            pass


def ours(engine: Engine, request: SearchRequest, vector: NDArray[np.float32]) -> int:
    """Number of products given back, each read, as the rival reads its payloads."""
    answer = engine.answer(engine.prepare(request), vector)
    return len([hit.product for hit in answer.hits])


def breadth(rival: Rival, asked: Sequence[Asked]) -> tuple[int, float]:
    """The least breadth tried at which the rival's graph reaches recall 0.99 at 20."""
    exact = [rival.near(vector, 0, exact=True)[LIMIT - 1] for _, vector, _ in asked]
    for ef in BREADTHS:
        shares = [
            np.mean(np.array(rival.near(vector, ef)[:LIMIT]) >= least - 1e-6)
            for (_, vector, _), least in zip(asked, exact, strict=True)
        ]
        if np.mean(shares) >= 0.99:
            break
    return ef, float(np.mean(shares))


def turns(searches: dict[str, Callable[[Asked], object]], asked: Sequence[Asked]) -> object:
    """Microseconds of each engine: median and 99th percentile by the clock, and in CPU time."""
    wall: dict[str, list[float]] = {name: [] for name in searches}
    cpu: dict[str, list[float]] = {name: [] for name in searches}
    kernels = []
    for _ in range(ROUNDS):
        for name, search in searches.items():
            for each in asked[:20]:
                search(each)
            for each in asked:
                kernels.append(speed.kernel() * 1e6)
                start, used = perf_counter(), process_time()
                search(each)
                wall[name].append((perf_counter() - start) * 1e6)
                cpu[name].append((process_time() - used) * 1e6)
    return {
        "kernel": round(float(np.median(kernels)), 1),
        **{
            name: {
                "median": round(float(np.median(wall[name])), 1),
                "p99": round(float(np.percentile(wall[name], 99)), 1),
                "median_cpu": round(float(np.median(cpu[name])), 1),
            }
            for name in searches
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    engine = Engine.open(arguments.index)
    with tempfile.TemporaryDirectory() as scratch:
        rival = Rival(engine.bundle, Path(scratch))
        texts = [query for query, _ in islice(read_queries(arguments.queries), arguments.count)]
        ready = [engine.prepare(SearchRequest(text)) for text in texts]
        vectors = {each.text: engine.encode(each) for each in ready}
        asked = [
            (each, vectors[each.text].tolist(), rival.sparse(each))
            for each in ready
            if each.mode == "hybrid"
        ]
        ef, recall = breadth(rival, asked)
        searches: dict[str, Callable[[Asked], object]] = {
            "gradus": lambda each: ours(engine, each[0].request, vectors[each[0].text]),
            "qdrant-edge": lambda each: rival.hybrid(each[1], each[2], ef),
        }
        report = {
            "command": " ".join(sys.argv),
            "cpus": speed.cpu_model(),
            "qdrant-edge-py": version("qdrant-edge-py"),
            "products": len(engine.bundle.store),
            "queries": len(asked),
            "candidates": CANDIDATES,
            "limit": LIMIT,
            "rival_hnsw_ef": ef,
            "rival_recall_20": round(recall, 4),
            "us": turns(searches, asked),
        }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

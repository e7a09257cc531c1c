"""How close one worker comes to what its parts allow, and where the time of a request goes.

    python benchmarks/service/throughput.py --index ROOT --queries FILE --out raw.json

Three things by turns in every round, on one core, the generator on the other: the service; a bare
FastAPI application that returns the same bytes; and the stages of a search inside one process. The
target is 0.7 / (sum of the stages' medians + the bare application's time a request). No cache is
used. `share_by_cpu` is the same share in processor time, which other programs disturb less.
Afterwards the latency at 70 % of the peak, and two workers on both cores (there the generator takes
its share of one of them).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from load import (
    CLIENT_CORES,
    REPOSITORY,
    SERVER_CORES,
    Server,
    closed_loop,
    kernel,
    open_loop,
    pin,
    report,
    search_requests,
    serving,
)

CONNECTIONS = 8
STAGES = """
import json, sys
sys.path.insert(0, {here!r})
from load import SERVER_CORES, pin
pin(SERVER_CORES)
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from catalog.readers import read_queries
from index.engine import Engine
from index.request import SearchRequest
from index.stopwatch import Stopwatch
from service.answers import answer
engine = Engine.open(Path({index!r}), verify=False)
texts = list(islice(dict.fromkeys(q for q, _ in read_queries(Path({queries!r}))), {count}))
rows = []
for number, text in enumerate(texts + texts):
    spent, watch, request = process_time(), Stopwatch(), SearchRequest(text)
    prepared = engine.prepare(request)
    watch.lap("prepare")
    vector = engine.encode(prepared) if prepared.needs_vector else None
    watch.lap("encode")
    result = engine.answer(prepared, vector, watch)
    began = perf_counter()
    answer(request, result, "x")
    stages = dict(result.timing_ms, json=(perf_counter() - began) * 1e3)
    stages.pop("total")
    stages["cpu"] = (process_time() - spent) * 1e3
    if number >= len(texts):
        rows.append(stages)
print(json.dumps(rows))
"""
BARE = """
import sys
sys.path.insert(0, {here!r})
from load import SERVER_CORES, pin
pin(SERVER_CORES)
import uvicorn, socket
from fastapi import FastAPI, Response
body = open({body!r}, "rb").read()
app = FastAPI()
@app.get("/v1/search")
async def search() -> Response:
    return Response(body, media_type="application/json")
listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="error")
uvicorn.Server(config).run(sockets=[listener])
"""


def stages(index: Path, queries: Path, count: int) -> tuple[dict[str, float], float]:
    """Median milliseconds of each stage of a search, and the processor time of all of them.

    In a process on the server's core.
    """
    code = STAGES.format(
        here=str(Path(__file__).parent), index=str(index), queries=str(queries), count=count
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    times = defaultdict(list)
    for row in json.loads(done.stdout.splitlines()[-1]):
        for stage, value in row.items():
            times[stage].append(value)
    spent = times.pop("cpu")
    return {stage: round(median(values), 4) for stage, values in times.items()}, median(spent)


def bare(body: Path, requests: list[bytes], seconds: float) -> tuple[float, float]:
    """Milliseconds a request, by clock and by processor, where only the bytes are returned."""
    code = BARE.format(here=str(Path(__file__).parent), body=str(body))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    try:
        port = int(process.stdout.readline())
        closed_loop(port, requests, CONNECTIONS, 0.5)
        server = Server(process, port)
        spent = server.cpu_seconds()
        seen = closed_loop(port, requests, CONNECTIONS, seconds)
        spent = server.cpu_seconds() - spent
    finally:
        process.terminate()
        process.communicate()
    return seen.seconds / len(seen.of()) * 1e3, spent / len(seen.of()) * 1e3


def collect(bodies: list[bytes]) -> Callable[[int, bytes], None]:
    return lambda _status, body: bodies.append(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=3000, help="distinct queries")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    requests = search_requests(asked.queries, asked.count)
    # A queue that stands is what a closed loop makes: it must not be refused here.
    quiet = {"GRADUS_LIMITS__QUEUE_MS": "1000"}
    rounds = []
    body = Path(tempfile.mkdtemp(prefix="gradus-bare-")) / "answer.json"
    for _ in range(asked.rounds):
        row = {"kernel_us": kernel()}
        with serving(asked.index, cores=SERVER_CORES, **quiet) as server:
            sizes: list[bytes] = []
            closed_loop(server.port, requests[:200], 4, 1.0, collect(sizes))
            body.write_bytes(sorted(sizes, key=len)[len(sizes) // 2])
            spent = server.cpu_seconds()
            seen = closed_loop(server.port, requests, CONNECTIONS, asked.seconds)
            row["service_cpu_ms"] = (server.cpu_seconds() - spent) / len(seen.of()) * 1e3
        row["service"] = seen.summary()
        row["service_per_s"] = len(seen.of()) / seen.seconds
        row["bare_ms"], row["bare_cpu_ms"] = bare(body, requests, asked.seconds / 2)
        row["stages_ms"], row["stages_cpu_ms"] = stages(
            asked.index, asked.queries, min(asked.count, 500)
        )
        row["possible_per_s"] = 1e3 / (sum(row["stages_ms"].values()) + row["bare_ms"])
        possible = row["stages_cpu_ms"] + row["bare_cpu_ms"]
        row["share_by_cpu"] = round(possible / row["service_cpu_ms"], 3)
        row["share"] = round(row["service_per_s"] / row["possible_per_s"], 3)
        rounds.append(row)
    peak = median(row["service_per_s"] for row in rounds)
    with serving(asked.index, cores=SERVER_CORES) as server:
        open_loop(server.port, requests, 0.3 * peak, 1.0)
        seventy = open_loop(server.port, requests, 0.7 * peak, 2 * asked.seconds).summary()
    with serving(asked.index, "--workers", "2", cores=SERVER_CORES | CLIENT_CORES, **quiet) as two:
        closed_loop(two.port, requests, 16, 1.0)
        both = closed_loop(two.port, requests, 16, asked.seconds).summary()
    shares = [row["share"] for row in rounds]
    tail = seventy["p99_ms"] / seventy["p50_ms"] if seventy["p50_ms"] else None
    report(
        asked.out,
        {
            "queries": len(requests),
            "answer_bytes": body.stat().st_size,
            "share_of_possible": {"median": float(np.median(shares)), "rounds": shares},
            "share_by_cpu": [row["share_by_cpu"] for row in rounds],
            "target": 0.7,
            "peak_per_s": round(peak, 1),
            "at_70_percent": {**seventy, "p99_by_p50": tail},
            "two_workers": both,
            "rounds": rounds,
        },
    )


if __name__ == "__main__":
    main()

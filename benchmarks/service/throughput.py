"""How close one worker comes to what its parts allow, and where the time of a request goes.

    python benchmarks/service/throughput.py --index ROOT --queries FILE --out raw.json

Three things by turns, on one core, the generator on the other: the service; a bare FastAPI
application that returns the same bytes; and the stages of a search inside one process. All three
run from the start, and a turn is short, for a machine with neighbours is not the same one ten
seconds later. The target is 0.7 / (sum of the stages' medians + the bare application's time a
request). No cache is used. `share_by_cpu` is the same share in processor time, which other programs
disturb less. Afterwards the latency at 70 % of the peak, in blocks before each of which the peak is
measured again. By turns with it, at 70 % of its own peak, stands an application that counts for as
long as a search takes, always to the same number: what its answers scatter is the machine's doing.
At last two workers on both cores (there the generator takes its share of one of them).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from load import (
    CLIENT_CORES,
    KERNEL_STEPS,
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

CONNECTIONS = 16
BLOCKS = 20  # of latency at 70 % of the peak
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
turn = 0
for line in sys.stdin:
    rows = []
    for place in range(int(line)):
        text = texts[(turn + place) % len(texts)]
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
        rows.append(stages)
    turn += len(rows)
    print(json.dumps(rows), flush=True)
"""
# A bare application, which counts to `steps` at each request.
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
    total = 0
    for number in range({steps}):
        total += number * number % 7
    return Response(body, media_type="application/json")
listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="error")
uvicorn.Server(config).run(sockets=[listener])
"""


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process of its own that is asked on its standard input, if at all."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def stages(process: subprocess.Popen[str], searches: int) -> tuple[dict[str, float], float]:
    """Median milliseconds of each stage of a search, and the processor time of all of them."""
    process.stdin.write(f"{searches}\n")
    process.stdin.flush()
    times = defaultdict(list)
    for row in json.loads(process.stdout.readline()):
        for stage, value in row.items():
            times[stage].append(value)
    spent = times.pop("cpu")
    return {stage: round(median(values), 4) for stage, values in times.items()}, median(spent)


def served(
    server: Server, requests: list[bytes], seconds: float
) -> tuple[float, float, dict[str, Any]]:
    """Milliseconds a request by clock and by processor, and the rest of what was seen."""
    spent = server.cpu_seconds()
    seen = closed_loop(server.port, requests, CONNECTIONS, seconds)
    spent = server.cpu_seconds() - spent
    good = len(seen.of())
    in_time = int(((np.array(seen.status) == 200) & (np.array(seen.at) <= seen.seconds)).sum())
    return seen.seconds / in_time * 1e3, spent / good * 1e3, seen.summary()


def collect(bodies: list[bytes]) -> Callable[[int, bytes], None]:
    return lambda _status, body: bodies.append(body)


def turn(
    server: Server,
    bare: Server,
    inside: subprocess.Popen[str],
    requests: list[bytes],
    place: int,
) -> dict[str, Any]:
    """One round: each of the three for about a second, over other queries than the last one."""
    start = place * 500 % len(requests)
    asked = requests[start:] + requests[:start]
    row: dict[str, Any] = {"kernel_us": kernel()}
    row["service_ms"], row["service_cpu_ms"], row["service"] = served(server, asked, 1.0)
    row["stages_ms"], row["stages_cpu_ms"] = stages(inside, 500)
    row["bare_ms"], row["bare_cpu_ms"], _ = served(bare, asked, 0.4)
    possible = row["stages_cpu_ms"] + row["bare_cpu_ms"]
    row["share_by_cpu"] = round(possible / row["service_cpu_ms"], 3)  # in ticks of 10 ms
    possible = sum(row["stages_ms"].values()) + row["bare_ms"]
    row["share"] = round(possible / row["service_ms"], 3)
    return row


def at_seventy(
    servers: dict[str, tuple[Server, Server]], requests: list[bytes]
) -> dict[str, dict[str, Any]]:
    """Blocks of load at 70 % of what the first of a pair could answer a moment before."""
    blocks: dict[str, list[dict[str, Any]]] = {name: [] for name in servers}
    for _ in range(BLOCKS):
        for name, (patient, usual) in servers.items():
            seen = closed_loop(patient.port, requests, CONNECTIONS, 1.0)
            rate = 0.7 * len(seen.of()) / seen.seconds
            blocks[name].append(open_loop(usual.port, requests, rate, 3.0).summary())
    ratios = {
        name: [round(block["p99_ms"] / block["p50_ms"], 2) for block in some]
        for name, some in blocks.items()
    }
    return {
        name: {"p99_by_p50": round(median(ratios[name]), 2), "ratios": ratios[name], "blocks": some}
        for name, some in blocks.items()
    }


def steps_of(rounds: list[dict[str, Any]]) -> int:
    """To how much an application has to count for as long as a search takes."""
    kernels = ((row["service_ms"] - row["bare_ms"]) * 1e3 / row["kernel_us"] for row in rounds)
    return int(median(kernels) * KERNEL_STEPS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=3000, help="distinct queries")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    requests = search_requests(asked.queries, asked.count)
    # A queue that stands is what a closed loop makes: it must not be refused here.
    quiet = {"GRADUS_LIMITS__QUEUE_MS": "1000"}
    here = str(Path(__file__).parent)
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="gradus-bare-"))
        body = Path(place) / "answer.json"
        server = stack.enter_context(serving(asked.index, cores=SERVER_CORES, **quiet))
        sizes: list[bytes] = []
        closed_loop(server.port, requests, 4, 2.0, collect(sizes))
        answer_bytes = body.write_bytes(sorted(sizes, key=len)[len(sizes) // 2])

        def counting(steps: int) -> Server:
            code = BARE.format(here=here, body=str(body), steps=steps)
            plain = stack.enter_context(running(code))
            return Server(plain, int(plain.stdout.readline()))

        bare = counting(0)
        inside = stack.enter_context(
            running(
                STAGES.format(
                    here=here, index=str(asked.index), queries=str(asked.queries), count=asked.count
                )
            )
        )
        served(bare, requests, 0.5)
        stages(inside, 500)
        rounds = [turn(server, bare, inside, requests, place) for place in range(asked.rounds)]
        peak = median(1e3 / row["service_ms"] for row in rounds)
        usual = stack.enter_context(serving(asked.index, cores=SERVER_CORES))
        open_loop(usual.port, requests, 0.3 * peak, 1.0)
        constant = counting(steps_of(rounds))
        seventy = at_seventy(
            {"service": (server, usual), "constant_work": (constant, constant)}, requests
        )
    with serving(asked.index, "--workers", "2", cores=SERVER_CORES | CLIENT_CORES, **quiet) as two:
        closed_loop(two.port, requests, 16, 1.0)
        both = closed_loop(two.port, requests, 16, 5.0).summary()
    shares = [row["share"] for row in rounds]
    report(
        asked.out,
        {
            "queries": len(requests),
            "answer_bytes": answer_bytes,
            "share_of_possible": {
                "median": round(float(np.median(shares)), 3),
                "quartiles": np.percentile(shares, [25, 75]).round(3).tolist(),
                "rounds": shares,
            },
            "share_by_cpu": [row["share_by_cpu"] for row in rounds],
            "target": 0.7,
            "stages_ms": {
                stage: round(median(row["stages_ms"][stage] for row in rounds), 4)
                for stage in rounds[0]["stages_ms"]
            },
            "bare_ms": round(median(row["bare_ms"] for row in rounds), 4),
            "service_ms": round(median(row["service_ms"] for row in rounds), 4),
            "peak_per_s": round(peak, 1),
            "at_70_percent": seventy,
            "two_workers": both,
            "rounds": rounds,
        },
    )


if __name__ == "__main__":
    main()

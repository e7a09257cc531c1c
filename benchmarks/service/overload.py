"""Three times more searches than one worker can answer: what is answered, how late, how soon over.

    python benchmarks/service/overload.py --index ROOT --queries FILE --seconds 60 --out raw.json

Six blocks, for a machine that wanders would pass for a service that gives way: a light load, ten
seconds of overload, an open loop at three times the peak, and the peak again. The peak is that of a
closed loop on a second server, on the same core, that refuses nobody. Six blocks are to stand for
one minute: how an overload begins, with a queue that is let in whole, counts in the first of them
alone. Then a light load, to see how soon answers are quick again and nobody is refused. Asked for:
goodput at least 85 % of the peak, p99 of answers at most 3 × the p99 of the light loads, the rest
429, memory flat, recovery within 2 s.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
from load import (
    CLIENT_CORES,
    Seen,
    Server,
    closed_loop,
    kernel,
    open_loop,
    pin,
    report,
    search_requests,
    serving,
)

from catalog.readers import read_queries

BLOCKS = 6
PATIENT = {"GRADUS_LIMITS__QUEUE_MS": "1000"}
CONNECTIONS = 8  # of the closed loop
BEGINNING = 1.0  # seconds
LIGHT = 0.2  # of the peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--times", type=float, default=3.0, help="the peak")
    parser.add_argument("--method", choices=("GET", "POST"), default="GET")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    requests = search_requests(asked.queries, asked.count)
    if asked.method == "POST":
        requests = posts(asked.queries, asked.count)
    with serving(asked.index) as server, serving(asked.index, **PATIENT) as other:
        closed_loop(server.port, requests, 2, 2.0)
        closed_loop(other.port, requests, CONNECTIONS, 2.0)
        peaks, memory = [peak(other, requests)], [server.memory()]
        rows, lights, heavies = [], [], []
        for place in range(BLOCKS):
            lights.append(open_loop(server.port, requests, LIGHT * peaks[-1], 3.0))
            seconds, begun = asked.seconds / BLOCKS, BEGINNING if place else 0.0
            spent = server.cpu_seconds()
            seen = open_loop(server.port, requests, asked.times * peaks[-1], begun + seconds)
            spent = server.cpu_seconds() - spent
            heavies.append(seen.since(begun))
            peaks.append(peak(other, requests))
            around = (peaks[-2] + peaks[-1]) / 2
            rows.append(
                heavies[-1].summary()
                | {
                    "light_p99_ms": lights[-1].summary()["p99_ms"],
                    "goodput_by_peak": round(len(heavies[-1].of()) / seconds / around, 3),
                    "server_cpu": round(spent / seen.seconds, 2),
                }
            )
        memory.append(server.memory())
        open_loop(server.port, requests, asked.times * peaks[-1], 3.0)
        after = open_loop(server.port, requests, LIGHT * peaks[-1], 5.0)
        memory.append(server.memory())
    light_p99, p99 = (float(np.percentile(pooled(some), 99)) for some in (lights, heavies))
    late = (np.array(after.latency) * 1e3 > 3 * light_p99) | (np.array(after.status) != 200)
    # Recovered once no half second holds more late answers than one in fifty.
    halves = np.floor(np.array(after.at) * 2).astype(int)
    slow = [int(at) for at in np.unique(halves) if late[halves == at].mean() > 0.02]
    statuses = sum((Counter(row["statuses"]) for row in rows), Counter())
    report(
        asked.out,
        {
            "kernel_us": kernel(),
            "peaks_per_s": [round(one, 1) for one in peaks],
            "blocks": rows,
            "goodput_by_peak": float(np.median([row["goodput_by_peak"] for row in rows])),
            "light_ms": {"p50": median_of(lights), "p99": round(light_p99, 3)},
            "overload_ms": {"p50": median_of(heavies), "p99": round(p99, 3)},
            "p99_by_light_p99": round(p99 / light_p99, 2),
            "statuses": dict(statuses),
            "recovered_after_s": (max(slow) + 1) / 2 if slow else 0.0,
            "rss_mib": memory,
        },
    )


def pooled(stretches: list[Seen]) -> np.ndarray:
    """Latencies of all answers of several stretches, in milliseconds."""
    return np.concatenate([seen.of() for seen in stretches])


def median_of(stretches: list[Seen]) -> float:
    """Their median, in milliseconds."""
    return round(float(np.median(pooled(stretches))), 3)


def posts(queries: Path, count: int) -> list[bytes]:
    """`POST /v1/search` for `count` distinct queries of a file, as bytes to send."""
    texts = dict.fromkeys(query for query, _ in read_queries(queries))
    bodies = [json.dumps({"q": text, "use_cache": False}).encode() for text in islice(texts, count)]
    return [
        b"POST /v1/search HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        for body in bodies
    ]


def peak(server: Server, requests: list[bytes]) -> float:
    """Answers a second of a closed loop."""
    seen = closed_loop(server.port, requests, CONNECTIONS, 3.0)
    return len(seen.of()) / seen.seconds


if __name__ == "__main__":
    main()

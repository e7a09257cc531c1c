"""Three times more searches than one worker can answer: what is answered, how late, how soon over.

    python benchmarks/service/overload.py --index ROOT --queries FILE --seconds 60 --out raw.json

Latency without load; then the overload, an open loop at three times the peak, in blocks between
which the peak is measured again: a machine that wanders would pass for a service that gives way.
The peak is that of a closed loop on a second server, on the same core, that refuses nobody. Then a
light load, to see how soon answers are quick again and nobody is refused. Asked for: goodput at
least 85 % of the peak, p99 of answers at most 3 × the p99 without load, the rest 429, memory flat,
recovery within 2 s.
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
        peaks = [peak(other, requests)]
        calm = open_loop(server.port, requests, 0.2 * peaks[0], 10.0).summary()
        rows, memory = [], [server.memory()]
        for _ in range(BLOCKS):
            spent = server.cpu_seconds()
            seen = open_loop(server.port, requests, asked.times * peaks[0], asked.seconds / BLOCKS)
            spent = server.cpu_seconds() - spent
            peaks.append(peak(other, requests))
            around = (peaks[-2] + peaks[-1]) / 2
            rows.append(
                seen.summary()
                | {
                    "goodput_by_peak": round(len(seen.of()) / seen.seconds / around, 3),
                    "server_cpu": round(spent / seen.seconds, 2),
                }
            )
        memory.append(server.memory())
        seen = open_loop(server.port, requests, asked.times * peaks[0], 3.0)
        after = open_loop(server.port, requests, 0.2 * peaks[0], 5.0)
        memory.append(server.memory())
    late = (np.array(after.latency) * 1e3 > 3 * calm["p99_ms"]) | (np.array(after.status) != 200)
    # Recovered once no tenth of a second holds more late answers than one in fifty.
    tenths = np.floor(np.array(after.at) * 10).astype(int)
    slow = [at for at in np.unique(tenths) if late[tenths == at].mean() > 0.02]
    statuses = sum((Counter(row["statuses"]) for row in rows), Counter())
    report(
        asked.out,
        {
            "kernel_us": kernel(),
            "peaks_per_s": [round(one, 1) for one in peaks],
            "calm": calm,
            "offered_per_s": round(asked.times * peaks[0], 1),
            "blocks": rows,
            "goodput_by_peak": float(np.median([row["goodput_by_peak"] for row in rows])),
            "p99_by_calm_p99": round(
                float(np.median([row["p99_ms"] for row in rows])) / calm["p99_ms"], 2
            ),
            "statuses": dict(statuses),
            "recovered_after_s": (max(slow) + 1) / 10 if slow else 0.0,
            "rss_mib": memory,
        },
    )


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

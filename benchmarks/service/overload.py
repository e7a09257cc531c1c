"""Three times more searches than one worker can answer: what is answered, how late, how soon over.

    python benchmarks/service/overload.py --index ROOT --queries FILE --seconds 60 --out raw.json

Peak by a closed loop; latency without load; then an open loop at three times the peak; then a light
load, to see how soon answers are quick again. Asked for: goodput at least 85 % of the peak, p99 of
what is answered at most 3 × the p99 without load, the rest 429, memory flat, recovery within 2 s.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from load import CLIENT_CORES, closed_loop, kernel, open_loop, pin, report, search_requests, serving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--times", type=float, default=3.0, help="the peak")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    requests = search_requests(asked.queries, asked.count)
    with serving(asked.index, GRADUS_LIMITS__QUEUE_MS="1000") as server:
        closed_loop(server.port, requests, 8, 1.0)
        peak = closed_loop(server.port, requests, 8, min(10.0, asked.seconds)).summary()
    with serving(asked.index) as server:
        closed_loop(server.port, requests, 4, 1.0)
        rate = peak["answered_per_s"]
        calm = open_loop(server.port, requests, 0.2 * rate, min(10.0, asked.seconds)).summary()
        memory = [server.memory()]
        seen = open_loop(server.port, requests, asked.times * rate, asked.seconds)
        memory.append(server.memory())
        after = open_loop(server.port, requests, 0.2 * rate, 5.0)
        memory.append(server.memory())
        late = np.array(after.latency) * 1e3 > 3 * calm["p99_ms"]
        # Recovered once no tenth of a second holds more late answers than one in fifty.
        tenths = np.floor(np.array(after.at) * 10).astype(int)
        slow = [at for at in np.unique(tenths) if late[tenths == at].mean() > 0.02]
        wall = seen.summary()
        other = {code: n for code, n in wall["statuses"].items() if code not in (200, 429)}
        report(
            asked.out,
            {
                "kernel_us": kernel(),
                "peak": peak,
                "calm": calm,
                "overload": {"offered_per_s": round(asked.times * rate, 1), **wall},
                "goodput_by_peak": round(wall["answered_per_s"] / rate, 3),
                "p99_by_calm_p99": round(wall["p99_ms"] / calm["p99_ms"], 2),
                "other_statuses": other,
                "recovered_after_s": (max(slow) + 1) / 10 if slow else 0.0,
                "rss_mib": memory,
            },
        )


if __name__ == "__main__":
    main()

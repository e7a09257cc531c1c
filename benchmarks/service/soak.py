"""Half an hour of even load: does memory or the number of descriptors grow?

python benchmarks/service/soak.py --index ROOT --queries FILE --minutes 30 --out raw.json
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from time import perf_counter

import numpy as np
from load import CLIENT_CORES, open_loop, pin, report, search_requests, serving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    requests = search_requests(asked.queries, 20_000, "")
    rows, statuses, lost = [], Counter(), 0
    with serving(asked.index) as server:
        open_loop(server.port, requests, asked.rate, 10.0)
        began = perf_counter()
        while perf_counter() - began < asked.minutes * 60:
            seen = open_loop(server.port, requests, asked.rate, 10.0)
            statuses.update(seen.status)
            lost += seen.lost
            rows.append((perf_counter() - began, server.memory(), server.descriptors()))
    at, memory, descriptors = (np.array(column) for column in zip(*rows, strict=True))
    half = len(rows) // 2  # caches fill up in the first half
    slope = np.polyfit(at[half:], memory[half:], 1)[0] * 3600 if len(rows) > 3 else None
    report(
        asked.out,
        {
            "statuses": dict(statuses),
            "lost": lost,
            "rss_mib_first_middle_last": [memory[0], memory[half], memory[-1]],
            "rss_mib_an_hour_second_half": slope,
            "descriptors_first_last": [int(descriptors[0]), int(descriptors[-1])],
        },
    )


if __name__ == "__main__":
    main()

"""Memory of 1, 2 and 4 workers over one index, as the sum of their proportional shares (PSS).

    python benchmarks/service/memory.py --index ROOT --queries FILE --out raw.json

PSS counts a page that n processes share as 1/n in each: mapped files count once, whatever the
number of workers. `Private` is what every further worker really costs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from load import CLIENT_CORES, SERVER_CORES, closed_loop, pin, report, search_requests, serving

KINDS = ("Pss", "Rss", "Private_Dirty", "Private_Clean", "Shared_Clean")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    requests = search_requests(asked.queries, 1000)
    rows = {}
    for workers in asked.workers:
        cores = SERVER_CORES | CLIENT_CORES
        with serving(asked.index, "--workers", str(workers), cores=cores) as server:
            closed_loop(server.port, requests, 4 * workers, 5.0)
            rows[workers] = {kind: server.memory(kind) for kind in KINDS}
            rows[workers]["processes"] = len(server.pids)
    ends = sorted(rows)
    added = (rows[ends[-1]]["Pss"] - rows[ends[0]]["Pss"]) / max(ends[-1] - ends[0], 1)
    files = sum(path.stat().st_size for path in (asked.index / "current").rglob("*.*"))
    report(
        asked.out,
        {
            "mib": rows,
            "mib_a_further_worker": round(added, 1),
            "index_mib": round(files / 2**20, 1),
        },
    )


if __name__ == "__main__":
    main()

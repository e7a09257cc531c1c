"""Ended by SIGTERM under load, and a worker killed by SIGKILL.

    python benchmarks/service/signals.py --index ROOT --queries FILE --out raw.json

Of SIGTERM: no request that the service has taken may go without its answer; connections that are
refused once it has stopped listening are counted apart. Of SIGKILL: the other worker serves on, the
one that died is replaced; what the dead one held is lost, and counted.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from pathlib import Path

from load import (
    CLIENT_CORES,
    SERVER_CORES,
    children,
    closed_loop,
    pin,
    report,
    search_requests,
    serving,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    requests = search_requests(asked.queries, 1000)
    quiet = {"GRADUS_LIMITS__QUEUE_MS": "1000"}
    ended = {}
    for workers in ("1", "2"):
        rows = ended[f"{workers} workers"] = []
        for _ in range(asked.times):
            cores = SERVER_CORES | CLIENT_CORES
            with serving(asked.index, "--workers", workers, cores=cores, **quiet) as server:
                closed_loop(server.port, requests, 8, 0.5)
                threading.Timer(1.0, server.process.send_signal, (signal.SIGTERM,)).start()
                seen = closed_loop(server.port, requests, 16, 2.5)
                status = server.process.wait(30)
            rows.append({"lost": seen.lost, "refused": seen.refused, "exit": status})
            rows[-1]["statuses"] = seen.summary()["statuses"]
    with serving(asked.index, "--workers", "2", cores=SERVER_CORES | CLIENT_CORES, **quiet) as two:
        victim = children(two.process.pid)[0]
        replaced: list[float] = []

        def kill() -> None:
            os.kill(victim, signal.SIGKILL)
            began = time.monotonic()
            while victim in children(two.process.pid) or len(children(two.process.pid)) < 2:
                time.sleep(0.02)
            replaced.append(round(time.monotonic() - began, 2))

        threading.Timer(1.0, kill).start()
        seen = closed_loop(two.port, requests, 16, 6.0)
        killed = {"lost": seen.lost, "refused": seen.refused, "replaced_after_s": replaced}
        killed["statuses"] = seen.summary()["statuses"]
        killed["last_answer_at_s"] = round(max(seen.at), 2)
    report(asked.out, {"sigterm": ended, "sigkill": killed})


if __name__ == "__main__":
    main()

"""Clients that are slow, silent, enormous or malformed: bounded memory, clear refusals.

    python benchmarks/service/slow_clients.py --index ROOT --queries FILE --out raw.json

All of `bad_clients.py` at once, so many of each, while ordinary searches go on: statuses and
latencies of those stand beside the refusals. Then more connections than a worker takes. The script
fails when an answer is none of those expected, the service does not answer afterwards, descriptors
stay open, or memory has grown by more than `--most-mib` at its peak.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bad_clients import CLIENTS, KEY, WAIT, WRITERS, BadClient
from conformance import throw_away
from load import CLIENT_CORES, Server, open_loop, pin, report, search_requests
from raw_http import receive

LIMITS = {"GRADUS_LIMITS__REQUEST_SECONDS": "3"}
CONNECTIONS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--each", type=int, default=20, help="clients of every kind, at once")
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=16.0, help="of searches beside them")
    parser.add_argument("--most-mib", type=float, default=256.0, help="growth at the peak")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    with throw_away(asked.index, key=KEY, **LIMITS) as server:
        result = together(server, [*CLIENTS, *WRITERS], asked)
    with throw_away(asked.index, key=KEY, GRADUS_LIMITS__CONNECTIONS=str(CONNECTIONS)) as server:
        result["more_connections_than_taken"] = crowd(server)
    wrong = faults(result, asked.most_mib)
    report(asked.out, {**result, "wrong": wrong})
    raise SystemExit(bool(wrong))


def together(server: Server, kinds: Sequence[BadClient], asked: argparse.Namespace) -> dict:
    """Every kind at once, so many of each, beside ordinary searches."""
    requests = search_requests(asked.queries, 500, "&use_cache=false")
    seen: dict[str, Counter[str]] = {kind.name: Counter() for kind in kinds}
    calm = open_loop(server.port, requests, asked.rate, 3.0).summary()
    memory, descriptors = [server.memory()], [server.descriptors()]

    def run(kind: BadClient) -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as connection:
            outcome = kind.act(connection)
        seen[kind.name][outcome] += 1

    threads = [threading.Thread(target=run, args=(kind,)) for kind in kinds * asked.each]
    peak = [0.0]

    def watch() -> None:
        while any(thread.is_alive() for thread in threads):
            peak[0] = max(peak[0], server.memory())
            time.sleep(0.1)

    for thread in threads:
        thread.start()
    threading.Thread(target=watch, daemon=True).start()
    beside = open_loop(server.port, requests, asked.rate, asked.seconds).summary()
    for thread in threads:
        thread.join()
    time.sleep(1.0)
    memory += [peak[0], server.memory()]
    descriptors.append(server.descriptors())
    return {
        "clients": {name: dict(found) for name, found in seen.items()},
        "searches_before": calm,
        "searches_beside": beside,
        "rss_mib_before_peak_after": memory,
        "descriptors_before_after": descriptors,
        "a_search_afterwards": alive(server),
    }


def crowd(server: Server) -> dict[str, Any]:
    """Twice as many connections as a worker takes: the rest is told so, then all is as before."""
    with ExitStack() as stack:
        held = []
        for _ in range(2 * CONNECTIONS):
            address = ("127.0.0.1", server.port)
            held.append(stack.enter_context(socket.create_connection(address, timeout=WAIT)))
        replies = [receive(connection) for connection in held[CONNECTIONS:]]
    outcomes = Counter(
        "closed" if reply is None else f"{reply.status}, retry after {reply.headers['retry-after']}"
        for reply in replies
    )
    time.sleep(0.5)
    return {"outcomes": dict(outcomes), "a_search_afterwards": alive(server)}


def alive(server: Server) -> int:
    """How many hits a search finds."""
    with server.client() as client:
        return len(client.search("red", min_tier="irrelevant").hits)


def faults(result: dict[str, Any], most_mib: float) -> list[str]:
    """What is not as it has to be."""
    wrong = [
        f"{kind.name}: {outcome} ({count} times)"
        for kind in (*CLIENTS, *WRITERS)
        for outcome, count in result["clients"][kind.name].items()
        if outcome not in kind.expected
    ]
    before, peak, _ = result["rss_mib_before_peak_after"]
    if peak - before > most_mib:
        wrong.append(f"memory grew by {peak - before:.0f} MiB")
    opened, left = result["descriptors_before_after"]
    if left > opened + 8:
        wrong.append(f"{left - opened} descriptors stayed open")
    others = set(result["searches_beside"]["statuses"]) - {200, 429}
    if others or result["searches_beside"]["lost"]:
        wrong.append(f"ordinary searches: {result['searches_beside']}")
    crowd = result["more_connections_than_taken"]
    if set(crowd["outcomes"]) != {"503, retry after 1"}:
        wrong.append(f"connections beyond the bound: {crowd['outcomes']}")
    if not (result["a_search_afterwards"] and crowd["a_search_afterwards"]):
        wrong.append("no hits afterwards")
    return wrong


if __name__ == "__main__":
    main()

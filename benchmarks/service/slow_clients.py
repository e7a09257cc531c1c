"""Clients that are slow, silent, enormous or malformed: bounded memory, clear refusals.

    python benchmarks/service/slow_clients.py --index ROOT --queries FILE --out raw.json

While they try, ordinary searches go on; their statuses and latencies stand beside the refusals.
"""

from __future__ import annotations

import argparse
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from load import CLIENT_CORES, open_loop, pin, report, search_requests, serving

HEAD = b"POST /v1/search HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
WAIT = 6.0  # seconds, longer than the service gives a request here


def answer(connection: socket.socket) -> str:
    """Status of what comes back, `closed` without one, `silence` when nothing happens."""
    connection.settimeout(WAIT)
    try:
        data = connection.recv(65_536)
    except TimeoutError:
        return "silence"
    except OSError:
        return "closed"
    found = re.match(rb"HTTP/1.1 (\d+)", data)
    return found[1].decode() if found else "closed"


def sent(connection: socket.socket, *parts: bytes) -> str:
    try:
        for part in parts:
            connection.sendall(part)
    except OSError:
        pass
    return answer(connection)


def dripping(connection: socket.socket) -> str:
    """A head of which a byte comes now and then."""
    for byte in b"GET /v1/search?q=tea HTTP/1.1\r\nCookie: " + b"x" * 30:
        try:
            connection.sendall(bytes([byte]))
        except OSError:
            break
        time.sleep(0.1)
    return answer(connection)


CLIENTS: dict[str, Callable[[socket.socket], str]] = {
    "head dripping in": dripping,
    "silent": answer,
    "body that never comes": lambda c: sent(c, HEAD + b"Content-Length: 50\r\n\r\n{"),
    "100 MB body, announced": lambda c: sent(c, HEAD + b"Content-Length: 100000000\r\n\r\n"),
    "100 MB body, chunked": lambda c: sent(
        c,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        *(b"10000\r\n" + b"x" * 65_536 + b"\r\n" for _ in range(1600)),
    ),
    "deep JSON": lambda c: sent(
        c, HEAD + b"Content-Length: 60000\r\n\r\n" + b'{"q":' + b"[" * 59_995
    ),
    "header flood": lambda c: sent(
        c, b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n"
    ),
    "one endless header": lambda c: sent(c, b"GET / HTTP/1.1\r\nCookie: ", *([b"x" * 65_536] * 50)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--each", type=int, default=20, help="clients of every kind, at once")
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    requests = search_requests(asked.queries, 500)
    seen: dict[str, Counter[str]] = {name: Counter() for name in CLIENTS}
    with serving(asked.index, GRADUS_LIMITS__REQUEST_SECONDS="3") as server:
        calm = open_loop(server.port, requests, asked.rate, 3.0).summary()
        memory = [server.memory()]

        def run(name: str, client: Callable[[socket.socket], str]) -> None:
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                seen[name][client(connection)] += 1

        threads = [
            threading.Thread(target=run, args=pair) for pair in CLIENTS.items()
            for _ in range(asked.each)
        ]  # fmt: skip
        peak = [0.0]

        def watch() -> None:
            while any(thread.is_alive() for thread in threads):
                peak[0] = max(peak[0], server.memory())
                time.sleep(0.1)

        for thread in threads:
            thread.start()
        threading.Thread(target=watch, daemon=True).start()
        beside = open_loop(server.port, requests, asked.rate, 2 * WAIT).summary()
        for thread in threads:
            thread.join()
        memory += [peak[0], server.memory()]
        descriptors = server.descriptors()
    report(
        asked.out,
        {
            "clients": {name: dict(found) for name, found in seen.items()},
            "searches_before": calm,
            "searches_beside": beside,
            "rss_mib_before_peak_after": memory,
            "descriptors_after": descriptors,
        },
    )


if __name__ == "__main__":
    main()

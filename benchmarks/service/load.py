"""What the load scripts share: a server on one core, a generator of requests on the other.

The generator speaks HTTP/1.1 over plain sockets of 127.0.0.1 and can ask several thousand times a
second from one core. Closed loop: so many connections, each asks again once it has its answer. Open
loop: requests fall due at a fixed rate whatever the server does, and their latency counts from
when they were due, so that a server that stands still is not asked less politely.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import quote

import numpy as np
import uvloop

from catalog.readers import read_queries
from service.client import NEVER, Client, ClientError, Options

REPOSITORY = Path(__file__).parents[2]
SERVER_CORES, CLIENT_CORES = {0}, {1}
KERNEL_STEPS = 20_000


def kernel() -> float:
    """Microseconds of a fixed calculation: what the machine is worth at this moment."""
    began = perf_counter()
    total = 0
    for number in range(KERNEL_STEPS):
        total += number * number % 7
    return (perf_counter() - began) * 1e6


def search_requests(queries: Path, count: int, more: str = "&use_cache=false") -> list[bytes]:
    """`GET /v1/search` for `count` distinct queries of a file, as bytes to send."""
    texts = dict.fromkeys(query for query, _ in read_queries(queries))
    return [get(f"/v1/search?q={quote(text)}{more}") for text in islice(texts, count)]


def get(target: str, headers: str = "") -> bytes:
    """A request for one address."""
    return f"GET {target} HTTP/1.1\r\nHost: shop\r\n{headers}\r\n".encode("ascii")


@dataclass
class Seen:
    """What came back: seconds since the start, latency in seconds and status, one a request.

    `lost` were sent and never answered, `refused` found no connection.
    """

    at: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    lost: int = 0
    refused: int = 0
    seconds: float = 0.0

    def since(self, start: float) -> Seen:
        """What came back from `start` seconds on: without how it began."""
        kept = [place for place, at in enumerate(self.at) if at >= start]
        lists = (self.at, self.latency, self.status)
        parts = ([values[place] for place in kept] for values in lists)
        return Seen(*parts, self.lost, self.refused, self.seconds - start)

    def of(self, status: int = 200) -> np.ndarray:
        """Latencies of one status, in milliseconds."""
        wanted = np.array(self.status) == status
        return np.array(self.latency)[wanted] * 1e3

    def summary(self) -> dict[str, Any]:
        """Rates and percentiles of what was answered with 200."""
        good = self.of()
        p50, p99 = np.percentile(good, [50, 99]).round(3).tolist() if len(good) else (None, None)
        return {
            "seconds": round(self.seconds, 2),
            "answered_per_s": round(len(good) / self.seconds, 1) if self.seconds else 0.0,
            "p50_ms": p50,
            "p99_ms": p99,
            "statuses": dict(Counter(self.status)),
            "lost": self.lost,
            "refused": self.refused,
        }


class _Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time."""

    def __init__(self, run: _Run) -> None:
        self._run, self._buffer, self._due = run, b"", 0.0
        self.busy = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, request: bytes, due: float) -> None:
        self.busy, self._due = True, due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        if len(rest) < length:
            return
        self._buffer, self.busy = rest[length:], False
        if b"connection: close" in head.lower():
            self.transport.close()
        self._run.answered(self, int(head[9:12]), rest[:length], self._due)

    def connection_lost(self, error: Exception | None) -> None:
        self._run.gone(self, lost=self.busy)


class _Run:
    """One stretch of load."""

    def __init__(
        self,
        port: int,
        requests: Sequence[bytes],
        check: Callable[[int, bytes], None] | None,
        most: int,
    ) -> None:
        self.seen, self._check, self._port, self._most = Seen(), check, port, most
        self._requests = cycle(requests)
        self._began = perf_counter()
        self._idle: deque[_Connection] = deque()
        self._all: set[_Connection] = set()
        self._waiting: deque[float] = deque()
        self._opening = 0
        self._closed_loop = False
        self._ends = False

    async def closed(self, connections: int, seconds: float) -> Seen:
        self._closed_loop = True
        await asyncio.gather(*(self._open() for _ in range(connections)))
        for connection in list(self._idle):
            self._ask(connection, perf_counter())
        await asyncio.sleep(seconds)
        return await self._finish()

    async def open(self, rate: float, seconds: float) -> Seen:
        await asyncio.gather(*(self._open() for _ in range(8)))
        began, number = perf_counter(), 0
        while (now := perf_counter()) < began + seconds:
            while number < (now - began) * rate:
                self._waiting.append(began + number / rate)
                number += 1
            self._serve_waiting()
            # Until the next is due, and no oftener: waking up is work.
            await asyncio.sleep(max(0.0, began + number / rate - perf_counter()))
        return await self._finish()

    def answered(self, connection: _Connection, status: int, body: bytes, due: float) -> None:
        now = perf_counter()
        self.seen.at.append(now - self._began)
        self.seen.latency.append(now - due)
        self.seen.status.append(status)
        if self._check is not None:
            self._check(status, body)
        if connection.transport.is_closing():
            self._serve_waiting()
        elif self._closed_loop and not self._ends:
            self._ask(connection, now)
        else:
            self._idle.append(connection)
            self._serve_waiting()

    def gone(self, connection: _Connection, *, lost: bool) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self.seen.lost += lost
        if not self._ends and self._closed_loop:
            asyncio.get_running_loop().create_task(self._again())

    async def _again(self) -> None:
        await self._open()
        if self._idle and not self._ends:
            self._ask(self._idle.popleft(), perf_counter())

    def _serve_waiting(self) -> None:
        while self._waiting and self._idle:
            self._ask(self._idle.popleft(), self._waiting.popleft())
        room = self._most - len(self._all) - self._opening
        for _ in range(min(len(self._waiting) - self._opening, room, 16)):
            asyncio.get_running_loop().create_task(self._open(then_serve=True))

    def _ask(self, connection: _Connection, due: float) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.transport.is_closing():
            return
        connection.ask(next(self._requests), due)

    async def _open(self, *, then_serve: bool = False) -> None:
        self._opening += 1
        try:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._port
            )
        except OSError:
            self.seen.refused += 1
            await asyncio.sleep(0.02)
            return
        finally:
            self._opening -= 1
        self._all.add(connection)
        self._idle.append(connection)
        if then_serve:
            self._serve_waiting()

    async def _finish(self) -> Seen:
        self.seen.seconds = perf_counter() - self._began
        self._ends = True
        until = perf_counter() + 2.0
        while any(connection.busy for connection in self._all) and perf_counter() < until:
            await asyncio.sleep(0.01)
        for connection in list(self._all):
            connection.busy = False
            connection.transport.close()
        await asyncio.sleep(0.05)
        return self.seen


def closed_loop(
    port: int,
    requests: Sequence[bytes],
    connections: int,
    seconds: float,
    check: Callable[[int, bytes], None] | None = None,
) -> Seen:
    """So many connections, each asking again at once."""

    async def run() -> Seen:
        return await _Run(port, requests, check, connections).closed(connections, seconds)

    return uvloop.run(run())


def open_loop(
    port: int,
    requests: Sequence[bytes],
    rate: float,
    seconds: float,
    check: Callable[[int, bytes], None] | None = None,
    most: int = 256,
) -> Seen:
    """`rate` requests a second over as many connections as that takes, `most` at most."""

    async def run() -> Seen:
        return await _Run(port, requests, check, most).open(rate, seconds)

    return uvloop.run(run())


@dataclass
class Server:
    """A service that runs as a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def client(self, key: str = "") -> Client:
        """A client that takes a connection for each call, so whichever worker, and never retries.

        For what is checked, not for load: it asks a few hundred times a second at most.
        """
        url = f"http://127.0.0.1:{self.port}"
        return Client(Options(url, api_key=key, timeout=60.0, kept=0, retries=NEVER))

    @property
    def pids(self) -> list[int]:
        """The process and its workers."""
        return [self.process.pid, *children(self.process.pid)]

    def memory(self, kind: str = "Rss") -> float:
        """MiB of the process and its workers: Rss, Pss, Private_Dirty …"""
        found = 0
        for pid in self.pids:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            found += sum(int(kb) for kb in re.findall(rf"^{kind}:\s+(\d+) kB", text, re.MULTILINE))
        return round(found / 1024, 1)

    def cpu_seconds(self) -> float:
        """Processor time that all processes have had: says the same on a busy machine."""
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> int:
        """Open file descriptors of all processes."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids)


@contextmanager
def serving(
    index: Path,
    *arguments: str,
    command: Sequence[str] = ("-m", "gradus", "serve"),
    cores: set[int] | None = None,
    **environment: str,
) -> Iterator[Server]:
    """`gradus serve` (or another command of the same words) on the server's core, until the end."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GRADUS_")}
    quiet = {"GRADUS_LOG__ACCESS": "false", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, *command, "--index", str(index), "--port", "0", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**plain, **quiet, **environment},
        preexec_fn=lambda: pin(SERVER_CORES if cores is None else cores),
    )
    try:
        port = 0
        while not port:
            line = process.stderr.readline()
            if not line:
                raise SystemExit("the server ended before it listened")
            port = int((re.findall(r"listening on \S+:(\d+)", line) or ["0"])[0])
        server = Server(process, port)
        wait_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait_ready(server: Server, seconds: float = 120.0) -> None:
    """Until `/readyz` says 200."""
    until = time.monotonic() + seconds
    with server.client() as client:
        while time.monotonic() < until:
            try:
                client.ready()
            except ClientError:
                time.sleep(0.05)
            else:
                return
    raise SystemExit("the server was never ready")


def children(pid: int) -> list[int]:
    """Workers of a supervisor, oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue
    return sorted(found)


def pin(cores: Iterable[int]) -> None:
    """Keep this process to some cores, where the machine has them and lends them.

    Whatever its parent was kept to: a server is started by a generator that has its own core.
    """
    with suppress(OSError):
        os.sched_setaffinity(0, set(cores))


def report(out: Path | None, result: dict[str, Any]) -> None:
    """Print a result as JSON, and keep it."""
    body = {"command": " ".join(sys.argv), "load_average": os.getloadavg()[0], **result}
    text = json.dumps(body, indent=1)
    print(text)
    if out is not None:
        out.write_text(text + "\n")

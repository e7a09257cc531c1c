"""Live updates over processes: two workers, one of them killed in the middle, then a restart."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from index.live.updatable import journal_path
from index.versions import publish

REPOSITORY = Path(__file__).parents[2]
KEY = "open sesame"
ADMIN = {"Authorization": f"Bearer {KEY}", "Connection": "close"}
SECONDS = 30
FLASK = {"title": "Steel red flask", "brand": "Ardena", "price": 9.5}


@pytest.fixture
def root(served_index: Path, tmp_path: Path) -> Path:
    root = tmp_path / "root"
    shutil.copytree((served_index / "current").resolve(), root / "versions" / "one")
    publish(root, "one")
    return root


@contextlib.contextmanager
def serving(root: Path, workers: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A service on a port of its own; the port and the process."""
    variables = {name: value for name, value in os.environ.items() if name[:7] != "GRADUS_"}
    variables |= {
        "OMP_NUM_THREADS": "1",
        "GRADUS_KEYS__ADMIN_SHA256": json.dumps([sha256(KEY.encode()).hexdigest()]),
        "GRADUS_ENCODER__MAX_WAIT_US": "60000000",
        "GRADUS_LIMITS__TIMEOUT_MS": "60000",
        "GRADUS_LOG__ACCESS": "false",
    }
    command = [sys.executable, "-m", "gradus", "serve", "--port", "0", "--index", str(root)]
    process = subprocess.Popen(
        [*command, "--workers", str(workers)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=variables,
    )
    assert process.stderr is not None
    try:
        port = 0
        while not port:
            line = process.stderr.readline()
            assert line, "ended before it listened"
            port = int((re.findall(r"listening on http://.*:(\d+)", line) or [0])[0])
        eventually(lambda: asked(port, "GET", "/readyz")[0] == 200)
        yield port, process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def eventually(value: Callable[[], Any]) -> Any:
    """The first true value."""
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if found := value():
                return found
        assert time.monotonic() < deadline
        time.sleep(0.1)


def asked(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One request on a connection of its own, which any worker may take."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        sent = None if body is None else json.dumps(body)
        kind = {"Content-Type": "application/json"}
        connection.request(method, path, sent, {**ADMIN, **kind})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def workers(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def catalogue(port: int) -> tuple[int, dict[str, Any]]:
    """The sequence that one worker sees, and all its products."""
    pages = [
        asked(port, "GET", f"/v1/search?q=red+steel+kettle&min_tier=irrelevant{page}")[1]
        for page in ("&limit=100", "&limit=100&offset=100", "&limit=100&offset=200")
    ]
    sequence = asked(port, "GET", "/info")[1]["index"]["sequence"]
    return sequence, {
        hit["id"]: (hit["fields"], hit["relevance"]) for page in pages for hit in page["hits"]
    }


def test_nothing_acknowledged_is_lost_with_its_worker(root: Path) -> None:
    searched: list[int] = []
    stop = threading.Event()
    with serving(root, workers=2) as (port, process):

        def shopper() -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):  # of the killed
                    searched.append(asked(port, "GET", "/v1/search?q=steel+flask")[0])

        shoppers = [threading.Thread(target=shopper) for _ in range(2)]
        for thread in shoppers:
            thread.start()
        assert asked(port, "POST", "/v1/products", {"id": "first", **FLASK})[0] == 200
        acknowledged = bulk_until_killed(port, process.pid)
        stop.set()
        for thread in shoppers:
            thread.join()
        assert set(searched) == {200}
        eventually(lambda: len(workers(process.pid)) == 2)
        for name in acknowledged:  # the workers that took none of them follow in a moment
            eventually(partial(stands, port, name))
        # What was under way may stand or not; whoever writes next goes on from there.
        assert asked(port, "DELETE", "/v1/products/first")[0] == 200
        last = json.loads(journal_path(root, "one").read_bytes().splitlines()[-1])["seq"]
        seen: dict[int, Any] = {}
        for _ in range(12):  # both workers come by, most likely
            eventually(lambda: asked(port, "GET", "/info")[1]["index"]["sequence"] == last)
            sequence, products = catalogue(port)
            if sequence == last:
                assert seen.setdefault(sequence, products) == products
    with serving(root, workers=1) as (port, _):
        assert catalogue(port) == (last, seen[last])
        assert {*acknowledged} <= {*seen[last]}
        assert "first" not in seen[last]


def bulk_until_killed(port: int, pid: int) -> set[str]:
    """Send many products; kill whoever takes them once some are acknowledged."""
    lines = [json.dumps({"id": f"n{number:04}", **FLASK}) for number in range(130)]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.connect()
    mine = connection.sock.getsockname()[1]
    # Looked up before anything is sent: a quick worker closes with its last line. While others
    # come and go the kernel's table may leave a connection out for once.
    worker = eventually(lambda: holder(pid, mine))
    kind = {"Content-Type": "application/x-ndjson"}
    connection.request("POST", "/v1/products", "\n".join(lines), {**ADMIN, **kind})
    answer = connection.getresponse()
    acknowledged: set[str] = set()
    with contextlib.suppress(http.client.HTTPException, OSError):
        while line := answer.readline():
            status = json.loads(line)
            assert status["outcome"] == "added"
            acknowledged.add(status["id"])
            if len(acknowledged) == 1:
                os.kill(worker, signal.SIGKILL)
    connection.close()
    assert 64 <= len(acknowledged) <= 130
    return acknowledged


def stands(port: int, name: str) -> bool:
    return asked(port, "GET", f"/v1/products/{name}")[0] == 200


def holder(pid: int, port: int) -> int:
    """The worker that has the other end of a connection from `port`; 0 if none."""
    return next((each for each in workers(pid) if holds(each, port)), 0)


def holds(pid: int, port: int) -> bool:
    """Whether a process has the other end of a connection from `port`."""
    inodes = {
        fields[9]
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if int(fields[2].rpartition(":")[2], 16) == port
    }
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return any(f"socket:[{inode}]" in links for inode in inodes)

"""Schemathesis over the whole OpenAPI document, every phase, against a server of its own.

    python benchmarks/service/conformance.py --index ROOT --out raw.json

The server runs over a throw-away copy of the index, under two names, so that publishing and rolling
back, changing and deleting products are tried, too: the key that is sent opens every route. Wrong
are a 5xx (503 and 504 are right where they are documented), an undocumented status, content type
or header, and an answer that is not of its schema. How many requests there were, and what they were
answered with, is what the server has counted.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from load import Server, report, serving

from index.versions import publish, resolve

KEY = "conformance"
PHASES = ("examples", "coverage", "fuzzing", "stateful")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "missing_required_header",
    "ignored_auth",
)
# A 503 or a 504 that is not documented is what status_code_conformance finds.
CONFIGURATION = """\
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503, 504]
"""


@dataclass(frozen=True)
class Wanted:
    """What one run of schemathesis is to do; `examples` are the most of each operation."""

    examples: int
    seconds: int
    seed: int
    workers: int = 1
    checks: Sequence[str] = CHECKS
    phases: Sequence[str] = PHASES


def two_versions(index: Path, root: Path) -> None:
    """A root that holds the live version of `index` under two names."""
    for name in ("one", "two"):
        shutil.copytree(resolve(index), root / "versions" / name)
        publish(root, name)


def environment(key: str) -> dict[str, str]:
    """Settings under which nothing is refused for the pace at which it comes."""
    digest = sha256(key.encode()).hexdigest()
    return {
        "GRADUS_KEYS__ADMIN_SHA256": f'["{digest}"]',
        "GRADUS_LIMITS__QUEUE_MS": "1000",
    }


@contextmanager
def throw_away(index: Path, key: str = KEY, **more: str) -> Iterator[Server]:
    """A server over a copy of an index, with an admin key."""
    with tempfile.TemporaryDirectory(prefix="gradus-conformance-") as directory:
        root = Path(directory) / "root"
        two_versions(index, root)
        events = {"GRADUS_EVENTS__PATH": str(Path(directory) / "events")}
        with serving(root, **environment(key), **events, **more) as server:
            yield server


def run(server: Server, wanted: Wanted, directory: Path) -> dict[str, Any]:
    """Schemathesis against `server`; its report, and what it printed if it found anything."""
    (directory / "schemathesis.toml").write_text(CONFIGURATION)
    out = directory / "report.json"
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        *("--config-file", str(directory / "schemathesis.toml"), "run"),
        f"http://127.0.0.1:{server.port}/openapi.json",
        *("-H", f"Authorization: Bearer {KEY}"),
        *("--checks", ",".join(wanted.checks), "--phases", ",".join(wanted.phases)),
        *("--max-examples", str(wanted.examples), "--seed", str(wanted.seed)),
        *("--max-time", str(wanted.seconds), "--workers", str(wanted.workers)),
        *("--report", "json", "--report-json-path", str(out)),
        *("--continue-on-failure", "--generation-database", "none", "--no-color"),
        *("--suppress-health-check", "all", "--request-timeout", "30"),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "conformance_hooks", "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        command,
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **hooks},
    )
    found = orjson.loads(out.read_bytes()) if out.exists() else {}
    return {"exit": done.returncode, "report": found, "printed": done.stdout + done.stderr}


def answered(server: Server) -> Counter[tuple[str, str, int]]:
    """Requests by method, route and status, as the server has counted them."""
    sample = r'^gradus_http_requests_total\{method="(\w+)",route="(.*?)",status="(\d+)"\} (\S+)'
    with server.client() as client:
        text = client.metrics()
    return Counter(
        {
            (method, route, int(status)): int(float(value))
            for method, route, status, value in re.findall(sample, text, re.MULTILINE)
        }
    )


def summary(before: Counter[tuple[str, str, int]], after: Counter[tuple[str, str, int]]) -> dict:
    """Requests in all, by status, and by route."""
    grown = after - before
    by_status: Counter[int] = Counter()
    by_route: dict[str, Counter[int]] = {}
    for (method, route, status), count in grown.items():
        by_status[status] += count
        by_route.setdefault(f"{method} {route}", Counter())[status] += count
    return {
        "requests": sum(by_status.values()),
        "statuses": dict(sorted(by_status.items())),
        "routes": {route: dict(sorted(seen.items())) for route, seen in sorted(by_route.items())},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=2000, help="of each operation, at most")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="of schemathesis; several break ast in 3.11",
    )
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    wanted = Wanted(asked.examples, int(asked.minutes * 60), asked.seed, asked.workers)
    with tempfile.TemporaryDirectory() as directory, throw_away(asked.index) as server:
        before, began = answered(server), time.monotonic()
        memory = [server.memory()]
        done = run(server, wanted, Path(directory))
        seconds = time.monotonic() - began
        memory.append(server.memory())
        seen = summary(before, answered(server))
    failed = done["exit"] != 0
    report(
        asked.out,
        {
            "schemathesis": version("schemathesis"),
            "phases": PHASES,
            "checks": CHECKS,
            "seconds": round(seconds, 1),
            **seen,
            "rss_mib": memory,
            "exit": done["exit"],
            "failures": done["printed"][-20_000:].splitlines() if failed else [],
        },
    )
    raise SystemExit(done["exit"])


if __name__ == "__main__":
    main()

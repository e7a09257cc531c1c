"""Requests that nobody ought to send: is every answer a declared one, and does the server live?

    python benchmarks/service/fuzz.py --index ROOT --count 50000 --out raw.json

Each request goes over a connection of its own. A request that is whole HTTP must be answered; any
answer must be a declared success of its route or a problem (RFC 9457) that agrees with its status
and headers, and never our own failure. Afterwards the server must answer as before, without the
descriptors of those connections, and hold about as much memory as after the first quarter.
"""

from __future__ import annotations

import argparse
import gzip
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import fuzz_cases
from conformance import throw_away
from fastapi.routing import APIRoute
from fuzz_cases import Case
from load import Server, report
from pydantic import TypeAdapter, ValidationError
from raw_http import BrokenReplyError, Reply, exchange

from service.app import create_app
from service.problems import MEDIA_TYPE
from service.product_schemas import BulkStatus
from service.products import NDJSON, ONE, PATH
from service.schemas import ProblemAnswer
from service.settings import Settings

SECONDS = 20.0
GROWTH_MIB = 32.0
ALLOWED_FAULTS = (503, 504)
Check = Callable[[bytes], object]


def declared_answers() -> dict[tuple[str, str], Check]:
    """By method and path: what reads a success, where the route declares its shape."""
    found: dict[tuple[str, str], Check] = {}
    for route in routes_of(create_app(Settings())):
        good = {**route.responses.get(200, {}), **route.responses.get(202, {})}
        model = route.response_model or good.get("model")
        if model is not None:
            read = TypeAdapter(model).validate_json
            found |= {(method, route.path): read for method in route.methods}
    return found


def routes_of(app: Any) -> Iterator[APIRoute]:
    """The routes of an application, those of its routers included."""
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner)
        elif isinstance(route, APIRoute):
            yield route


DECLARED = declared_answers()


@dataclass
class Findings:
    """What was answered, and what was wrong with it."""

    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[dict[str, str]] = field(default_factory=list)
    count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, case: Case, outcome: str, fault: str) -> None:
        with self._lock:
            self.count += 1
            self.statuses.setdefault(case.family, Counter())[outcome] += 1
            if fault:
                sent = b"".join(case.parts)
                self.wrong.append({"family": case.family, "fault": fault, "sent": repr(sent[:600])})


def judged(case: Case, port: int) -> tuple[str, str]:
    """What came back in a word, and what is wrong with it, empty if nothing is."""
    try:
        reply = exchange(port, *case.parts, seconds=SECONDS, end=case.end, head=case.head)
    except TimeoutError:
        return "silence", "neither answered nor closed"
    except BrokenReplyError as error:
        return "broken", str(error)
    if reply is None:
        return "closed", "closed without an answer" if case.whole else ""
    try:
        check(case, reply)
    except (ValidationError, ValueError) as error:
        return str(reply.status), f"{error}"[:500]
    return str(reply.status), ""


def check(case: Case, reply: Reply) -> None:
    """Raises ValueError when the answer is none that may be given."""
    if not 200 <= reply.status < 500 and reply.status not in ALLOWED_FAULTS:
        raise ValueError(f"status {reply.status}: {reply.body[:200]!r}")
    if "x-request-id" not in reply.headers:
        raise ValueError(f"status {reply.status} without an X-Request-ID")
    if case.head:
        return
    if reply.headers.get("content-encoding") == "gzip":  # the request allowed it
        reply = replace(reply, body=gzip.decompress(reply.body))
    if reply.status >= 400:
        check_problem(reply)
    elif reply.headers.get("content-type") == NDJSON:
        check_lines(reply)
    elif reply.status in (200, 202):
        path = ONE if case.path.startswith(f"{PATH}/") else case.path
        DECLARED.get((case.method, path), _anything)(reply.body)


def check_problem(reply: Reply) -> None:
    """Raises ValueError unless it is a problem that agrees with its answer."""
    if reply.headers.get("content-type") != MEDIA_TYPE:
        raise ValueError(f"status {reply.status} as {reply.headers.get('content-type')}")
    problem = ProblemAnswer.model_validate_json(reply.body)
    if (problem.status, problem.request_id) != (reply.status, reply.headers["x-request-id"]):
        raise ValueError(f"the problem is not of this answer: {problem}")
    if reply.status in (429, 503) and not reply.headers.get("retry-after", "").isdigit():
        raise ValueError(f"status {reply.status} without Retry-After")


def check_lines(reply: Reply) -> None:
    """Raises ValueError unless each line is a status, in the order of the request's lines."""
    numbers = [BulkStatus.model_validate_json(line).line for line in reply.body.splitlines()]
    if numbers != sorted(set(numbers)):
        raise ValueError(f"lines out of order: {numbers}")


def _anything(body: bytes) -> None:
    """A page, a text, a document."""


def fuzz(server: Server, seed: int, count: int, found: Findings) -> None:
    """All the requests, a few at a time."""

    def one(case: Case) -> None:
        found.add(case, *judged(case, server.port))

    with ThreadPoolExecutor(4) as pool:
        for some in batched_cases(seed, count):
            list(pool.map(one, some))


def settled(server: Server, before: int) -> int:
    """Descriptors once connections are closed and an index that was swapped out is let go."""
    until = time.monotonic() + 10.0
    while (found := server.descriptors()) > before and time.monotonic() < until:
        time.sleep(0.2)
    return found


def batched_cases(seed: int, count: int) -> Iterator[list[Case]]:
    every = fuzz_cases.cases(seed, count)
    while some := list(islice(every, 500)):
        yield some


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = Findings()
    with throw_away(asked.index, key=fuzz_cases.KEY) as server:
        descriptors = server.descriptors()
        began = time.monotonic()
        fuzz(server, asked.seed, asked.count // 4, found)
        memory = [server.memory()]
        fuzz(server, asked.seed + 1, asked.count - asked.count // 4, found)
        seconds = time.monotonic() - began
        after = settled(server, descriptors)
        memory.append(server.memory())
        alive = judged(Case("after", (fuzz_cases.request("GET", "/v1/search?q=tea"),)), server.port)
        ended = server.process.poll()
    result: dict[str, Any] = {
        "seed": asked.seed,
        "requests": found.count,
        "seconds": round(seconds, 1),
        "answers": {name: dict(sorted(seen.items())) for name, seen in found.statuses.items()},
        "wrong": len(found.wrong),
        "wrong_examples": found.wrong[:30],
        "rss_mib_after_a_quarter_and_at_the_end": memory,
        "descriptors_before_and_after": [descriptors, after],
        "a_search_afterwards": alive,
        "server_alive": ended is None,
    }
    report(asked.out, result)
    bounded = memory[1] - memory[0] <= GROWTH_MIB and after <= descriptors + 8
    raise SystemExit(not (bounded and not found.wrong and alive == ("200", "") and ended is None))


if __name__ == "__main__":
    main()

"""The encoder killed, hung for 5 s, and giving no numbers, under load.

    python benchmarks/service/faults.py --index ROOT --queries FILE --out raw.json

Every answer must be a 200; while the encoder is out it must say so, and be the very answer of
`mode=lexical`: same hits, relevance and tiers. Once the fault is gone, answers are whole again by
themselves.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import numpy as np
import orjson
from load import CLIENT_CORES, Server, get, open_loop, pin, report, serving

from catalog.readers import read_queries

FAULTS = ("fail", "hang 5", "nan")


Hits = list[tuple[str, float, str]]


def lexical(server: Server, queries: list[str]) -> dict[str, Hits]:
    """By query, the hits of the lexical arm alone."""
    with server.client() as client:
        found = {query: client.search(query, mode="lexical").hits for query in queries}
    return {
        query: [(hit.id, hit.relevance, hit.tier) for hit in hits] for query, hits in found.items()
    }


def hits(answer: dict) -> Hits:
    return [(hit["id"], hit["relevance"], hit["tier"]) for hit in answer["hits"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each fault")
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--way", choices=("inline", "queued"), default="inline")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    pin(CLIENT_CORES)
    texts = list(dict.fromkeys(query for query, _ in read_queries(asked.queries)))[:200]
    requests = [get(f"/v1/search?q={quote(text)}&use_cache=false") for text in texts]
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        switch = Path(directory) / "fault"
        switch.write_text("well")
        environment = {"FAULT_FILE": str(switch), "GRADUS_ENCODER__WAY": asked.way}
        here = str(Path(__file__).parent / "faulty.py")
        with serving(asked.index, command=(here,), PYTHONPATH=".", **environment) as server:
            open_loop(server.port, requests, asked.rate, 2.0)
            expected = lexical(server, texts)
            for fault in FAULTS:
                results[fault] = one_fault(server, switch, fault, requests, expected, asked)
    report(asked.out, {"way": asked.way, "rate": asked.rate, "faults": results})


def one_fault(
    server: Server,
    switch: Path,
    fault: str,
    requests: list[bytes],
    expected: dict,
    asked: argparse.Namespace,
) -> dict:
    """Load for a while before, during and after one fault."""
    reasons: Counter[str] = Counter()
    wrong: list[str] = []
    whole_at: list[float] = []
    began = time.perf_counter()

    def check(status: int, body: bytes) -> None:
        if status != 200:
            return
        answer = orjson.loads(body)
        if not answer["degraded"]:
            whole_at.append(time.perf_counter() - began)
            return
        reasons.update(answer["degraded"])
        if hits(answer) != expected[answer["query"]["raw"]]:
            wrong.append(answer["query"]["raw"])

    threading.Timer(1.0, switch.write_text, (fault,)).start()
    threading.Timer(1.0 + asked.seconds, switch.write_text, ("well",)).start()
    seen = open_loop(server.port, requests, asked.rate, asked.seconds + 14.0, check)
    over = 1.0 + asked.seconds
    later = [at - over for at in whole_at if at > over]
    return {
        "statuses": dict(Counter(seen.status)),
        "lost": seen.lost,
        "degraded": dict(reasons),
        "not_as_lexical": len(wrong),
        "max_latency_ms": round(float(np.max(seen.of(), initial=0.0)), 1),
        "p99_ms": seen.summary()["p99_ms"],
        "whole_again_after_s": round(min(later), 2) if later else None,
    }


if __name__ == "__main__":
    main()

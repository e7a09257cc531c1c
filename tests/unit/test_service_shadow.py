"""The shadow index beside the searches: what is wrong with it stays there."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from index.request import SearchRequest
from service.shadow import Shadow

SECONDS = 30.0


class Broken:
    """An engine that fails as no index should."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def search(self, request: SearchRequest) -> Any:
        self.asked.append(request.q)
        raise RuntimeError("device lost")


def test_a_fault_of_the_shadow_does_not_end_it() -> None:
    engine, live = Broken(), SimpleNamespace(degraded=())
    shadow = Shadow(engine, 1.0)  # type: ignore[arg-type]
    until = time.monotonic() + SECONDS
    for count, query in enumerate(("tea", "milk", "soup"), 1):
        shadow.offer(SearchRequest(query), live)  # type: ignore[arg-type]
        while len(engine.asked) < count:
            assert time.monotonic() < until
            time.sleep(0.005)
    shadow.close()
    assert engine.asked == ["tea", "milk", "soup"]

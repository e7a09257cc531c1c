from __future__ import annotations

import io

import pytest

from index import progress as module
from index.progress import progress
from index.stopwatch import Stopwatch


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(monkeypatch):
    now = iter([0.0, 3.0, 11.0, 11.0, 12.5])
    monkeypatch.setattr(module, "monotonic", lambda: next(now))
    stream = io.StringIO()
    with progress("embedding", 1200, "products", stream) as advance:
        advance(500)
        advance(600)
    assert stream.getvalue().splitlines() == [
        "embedding: 1,100 of 1,200 products",
        "embedding: 1,100 of 1,200 products in 12.5 s",
    ]


def test_a_terminal_gets_a_bar():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with progress("linking", 10, "products", stream) as advance:
        advance(10)
    assert "linking: 100%" in stream.getvalue()


def test_laps_add_up_to_the_total():
    watch = Stopwatch()
    for _ in range(2):
        watch.lap("dense")
    watch.lap("blend")
    times = watch.milliseconds()
    assert list(times) == ["total", "dense", "blend"]
    assert times["dense"] + times["blend"] <= times["total"] + 1e-3
    assert times["total"] == pytest.approx(sum(times.values()) - times["total"], abs=1.0)

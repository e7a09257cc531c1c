"""Token buckets: what they let in, what they are owed, and that workers share them."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rates import Buckets, Rate


def test_a_full_bucket_then_one_a_tick() -> None:
    buckets = Buckets([Rate(10.0, 3)])
    assert [buckets.take(0, now=100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take(0, now=100.0) == pytest.approx(0.1)
    assert buckets.take(0, now=100.05) == pytest.approx(0.05)
    assert buckets.take(0, now=100.1) == 0.0
    assert buckets.take(0, now=100.1) > 0
    assert [buckets.take(0, now=200.0) > 0 for _ in range(5)] == [False] * 3 + [True] * 2


def test_buckets_are_apart_and_zero_is_no_limit() -> None:
    buckets = Buckets([Rate(0.0, 1), Rate(1.0, 1)])
    assert [buckets.take(0, now=5.0) for _ in range(100)] == [0.0] * 100
    assert buckets.take(1, now=5.0) == 0.0
    assert buckets.take(1, now=5.0) == pytest.approx(1.0)


def test_what_is_owed_is_waited_for() -> None:
    buckets = Buckets([Rate(10.0, 5)])
    assert buckets.take(0, tokens=25, now=0.0) == 0.0
    assert buckets.take(0, now=0.0) == pytest.approx(2.1)
    buckets = Buckets([Rate(10.0, 5)])
    buckets.take(0)
    buckets.owe(0, 24)
    assert 1.9 < buckets.take(0) <= 2.1


@given(
    gaps=st.lists(st.floats(0, 3), max_size=60),
    rate=st.floats(0.5, 50),
    burst=st.integers(1, 10),
    tokens=st.integers(1, 4),
)
def test_never_more_than_burst_and_rate_allow(
    gaps: list[float], rate: float, burst: int, tokens: int
) -> None:
    buckets, now, taken = Buckets([Rate(rate, burst)]), 1000.0, 0
    for gap in gaps:
        now += gap
        if buckets.take(0, tokens, now) == 0.0:
            taken += tokens
            # The last request may have been owed for.
            assert taken <= burst + (now - 1000.0) * rate + tokens - 1 + 1e-6


def _take(path: Path, number: int) -> None:
    buckets = Buckets([Rate(1.0, 1), Rate(0.001, 10)], path)
    for _ in range(number):
        buckets.take(1)


def test_processes_share_one_bucket(tmp_path: Path) -> None:
    path = tmp_path / "rates"
    mine = Buckets([Rate(1.0, 1), Rate(0.001, 10)], path)
    process = multiprocessing.get_context("fork").Process(target=_take, args=(path, 6))
    process.start()
    process.join()
    assert [mine.take(1) == 0.0 for _ in range(6)] == [True] * 4 + [False] * 2
    assert path.stat().st_mode & 0o077 == 0

"""The encoder as searches meet it: kept, shared, bounded in time, and mended."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from service.encoding.breaker import Breaker
from service.encoding.choice import Choice, choose
from service.encoding.lane import Busy, Job, Lane
from service.encoding.lru import Lru
from service.encoding.query_encoder import Encoded, QueryEncoder
from service.metrics import REGISTRY

PATIENCE = 30.0  # seconds that no test waits in earnest


class Scripted:
    """An encoder whose faults the test turns on: `mode` is well, hang, fail or nan."""

    def __init__(self) -> None:
        self.mode = "well"
        self.calls: list[list[str]] = []
        self.release = threading.Event()

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        self.calls.append(list(texts))
        if self.mode == "hang":
            self.release.wait(PATIENCE)
        if self.mode == "fail":
            raise RuntimeError("device lost")
        value = np.nan if self.mode == "nan" else 1.0
        return np.array([[value, len(text)] for text in texts], np.float32)


@pytest.fixture
def encoder() -> Iterator[Scripted]:
    scripted = Scripted()
    yield scripted
    scripted.release.set()


def serving(
    encoder: Scripted, way: str = "inline", **options: object
) -> tuple[QueryEncoder, Callable[..., Encoded]]:
    made = QueryEncoder(encoder, "print", Choice(way, 1.0, ""), Lru(8), **options)  # type: ignore[arg-type]
    encoder.calls.clear()

    def ask(text: str, patience: float = PATIENCE, **more: bool) -> Encoded:
        return asyncio.run(made.vector(text, patience, lambda: False, **more))

    return made, ask


def eventually(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_lru_forgets_what_was_unused_for_longest() -> None:
    kept: Lru[str, int] = Lru(2)
    for name, value in (("a", 1), ("b", 2)):
        kept.put(name, value)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c"), len(kept)) == (1, None, 3, 2)
    nothing: Lru[str, int] = Lru(0)
    nothing.put("a", 1)
    assert nothing.get("a") is None


def test_breaker_opens_after_failures_in_a_row_and_only_then() -> None:
    breaker = Breaker(limit=3)
    assert [breaker.failure(), breaker.failure()] == [False, False]
    breaker.success()
    assert [breaker.failure(), breaker.failure(), breaker.failure()] == [False, False, True]
    assert breaker.open
    assert not breaker.trip()  # it was open already
    breaker.mended()
    assert not breaker.open
    assert not breaker.failure()


@pytest.mark.parametrize(
    ("wanted", "milliseconds", "rows", "way", "because"),
    [
        ("auto", 0.3, 1, "inline", "0.30 ms"),
        ("auto", 4.5, 1, "queued", "4.50 ms"),
        ("auto", 0.3, 64, "queued", "64 texts"),
        ("queued", 0.3, 1, "queued", "set so"),
        ("inline", 4.5, 1, "inline", "set so"),
    ],
)
def test_choice_follows_what_was_measured(
    wanted: str, milliseconds: float, rows: int, way: str, because: str
) -> None:
    choice = choose(wanted, milliseconds, rows)  # type: ignore[arg-type]
    assert choice.way == way
    assert because in choice.reason


@pytest.mark.parametrize("way", ["inline", "queued"])
def test_vectors_are_kept_by_text(encoder: Scripted, way: str) -> None:
    _, ask = serving(encoder, way)
    first, again = ask("tea"), ask("tea")
    assert first.vector is not None
    assert again.vector is first.vector
    assert encoder.calls == [["tea"]]
    assert ask("tea", use_cache=False).vector is not None
    assert len(encoder.calls) == 2


def test_cache_is_by_fingerprint(encoder: Scripted) -> None:
    cache: Lru = Lru(8)
    for fingerprint in ("one", "two", "one"):
        made = QueryEncoder(encoder, fingerprint, Choice("inline", 1.0, ""), cache)
        asyncio.run(made.vector("tea", PATIENCE, lambda: False))
    assert sum(call == ["tea"] for call in encoder.calls) == 2


def test_equal_texts_under_way_are_encoded_once(encoder: Scripted) -> None:
    made, _ = serving(encoder, "queued", max_wait=PATIENCE)

    async def crowd() -> list[Encoded]:
        encoder.mode = "hang"
        asks = [asyncio.create_task(made.vector("tea", PATIENCE, lambda: False)) for _ in range(5)]
        await asyncio.sleep(0.05)
        encoder.release.set()
        return await asyncio.gather(*asks)

    found = asyncio.run(crowd())
    assert encoder.calls == [["tea"]]
    assert all(one.vector is found[0].vector is not None for one in found)


def test_full_queue_is_refused_not_awaited(encoder: Scripted) -> None:
    made, _ = serving(encoder, "queued", most_waiting=1, max_wait=PATIENCE)

    async def two() -> Encoded:
        encoder.mode = "hang"
        first = asyncio.create_task(made.vector("tea", PATIENCE, lambda: False))
        await asyncio.sleep(0)
        refused = await made.vector("milk", PATIENCE, lambda: False)
        encoder.release.set()
        assert (await first).vector is not None
        return refused

    assert asyncio.run(two()) == Encoded(None, "queue_full")


@pytest.mark.parametrize("way", ["inline", "queued"])
def test_hanging_encoder_is_given_up_and_comes_back(encoder: Scripted, way: str) -> None:
    made, ask = serving(encoder, way, max_wait=0.05)
    encoder.mode = "hang"
    assert ask("tea") == Encoded(None, "slow")
    if way == "inline":  # the next ones do not stand in line behind it
        began = time.perf_counter()
        assert ask("milk").reason in ("slow", "down")
        assert time.perf_counter() - began < 0.05 + PATIENCE / 10
    while not made.down:
        ask("soup")
    assert ask("rice") == Encoded(None, "down")
    encoder.mode = "well"
    encoder.release.set()
    eventually(lambda: not made.down)
    eventually(lambda: ask("bread").vector is not None)


@pytest.mark.parametrize("way", ["inline", "queued"])
@pytest.mark.parametrize("fault", ["fail", "nan"])
def test_failing_encoder_is_replaced(encoder: Scripted, way: str, fault: str) -> None:
    fresh = Scripted()
    made, ask = serving(encoder, way, reopen=lambda: fresh)
    encoder.mode = fault
    assert [ask("a").reason, ask("b").reason, ask("c").reason] == ["failed"] * 3
    assert made.down
    eventually(lambda: not made.down)
    assert ask("tea").vector is not None
    assert ["tea"] in fresh.calls
    made.close()


def test_encoder_that_comes_back_with_other_vectors_stays_out(encoder: Scripted) -> None:
    class Other(Scripted):
        def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
            return super().encode_queries(texts)[:, ::-1] * [1, -1]

    other = Other()
    made, ask = serving(encoder, reopen=lambda: other)
    encoder.mode = "fail"
    while not made.down:
        ask("a")
    eventually(lambda: len(other.calls) >= 1)
    assert made.down
    made.close()


def test_search_in_a_hurry_says_nothing_about_the_encoder(encoder: Scripted) -> None:
    made, ask = serving(encoder, "queued", max_wait=PATIENCE)
    encoder.mode = "hang"
    for text in "abcdef":
        assert ask(text, patience=0.001) == Encoded(None, "slow")
    assert not made.down


def test_texts_of_a_call_that_never_ends_are_encoded_once_mended(encoder: Scripted) -> None:
    made, ask = serving(encoder, "queued", most_waiting=3, max_wait=0.05, reopen=lambda: Scripted())
    encoder.mode = "hang"
    for text in ("tea", "milk", "soup"):
        assert ask(text) == Encoded(None, "slow")
    eventually(lambda: not made.down)
    assert ask("tea").vector is not None
    assert ask("rice").vector is not None
    made.close()


def test_an_encoder_that_is_let_go_while_it_is_out_is_not_counted(encoder: Scripted) -> None:
    made, ask = serving(encoder)
    encoder.mode = "fail"
    while not made.down:
        ask("a")
    assert REGISTRY.get_sample_value("gradus_encoder_down") == 1.0
    made.close()
    assert REGISTRY.get_sample_value("gradus_encoder_down") == 0.0


def outcomes(lane: Lane, jobs: list[tuple[str, int, bool]]) -> None:
    done = threading.Semaphore(0)
    for text, length, gone in jobs:
        why = "client_gone" if gone else ""
        lane.submit(Job(text, lambda _found: done.release(), lambda why=why: why, length))
    for _ in [job for job in jobs if not job[2]]:
        assert done.acquire(timeout=PATIENCE)


def test_calls_hold_texts_of_one_length_and_nothing_for_nobody(encoder: Scripted) -> None:
    sizes: list[int] = []
    dropped: list[str] = []
    lane = Lane(encoder, rows=2, on_batch=sizes.append, on_dropped=dropped.append)
    encoder.mode = "hang"  # until all of them wait
    lane.submit(Job("first", lambda _found: None))
    eventually(lambda: encoder.calls == [["first"]])
    encoder.mode = "well"
    jobs = [("a", 1, False), ("bb", 2, False), ("c", 1, False), ("d", 1, False), ("x", 1, True)]
    threading.Timer(0.05, encoder.release.set).start()
    outcomes(lane, jobs)
    lane.close()
    assert encoder.calls[1:] == [["a", "c"], ["bb"], ["d"]]
    assert dropped in ([], ["client_gone"])  # the last one may still be waiting
    assert max(sizes) == 2


def test_who_has_gone_is_asked_once(encoder: Scripted) -> None:
    asked: list[str] = []
    lane = Lane(encoder, rows=4)
    encoder.mode = "hang"  # until all of them wait
    lane.submit(Job("first", lambda _found: None))
    eventually(lambda: encoder.calls == [["first"]])
    encoder.mode = "well"
    lane.submit(Job("a", lambda _found: None))
    lane.submit(Job("b", lambda _found: None, lambda: asked.append("b") or "client_gone"))
    encoder.release.set()
    eventually(lambda: ["a"] in encoder.calls)
    lane.submit(Job("c", lambda _found: None))
    eventually(lambda: ["c"] in encoder.calls)
    assert asked == ["b"]
    lane.close()


@pytest.mark.parametrize(
    ("gone", "patience", "why"),
    [(False, 0.01, "too_late"), (True, 0.01, "client_gone"), (True, PATIENCE, "client_gone")],
)
@pytest.mark.parametrize("many", [False, True])
def test_it_is_told_apart_why_a_text_is_not_encoded(
    encoder: Scripted, gone: bool, patience: float, why: str, many: bool
) -> None:
    def shed() -> dict[str, float]:
        reasons = "client_gone", "too_late"
        found = {
            one: REGISTRY.get_sample_value("gradus_shed_total", {"reason": one}) for one in reasons
        }
        return {one: value or 0.0 for one, value in found.items()}

    made, _ = serving(encoder, "queued", max_wait=PATIENCE)

    async def ask() -> None:
        encoder.mode = "hang"
        ask = made.many if many else lambda texts, *more: made.vector(texts[0], *more)
        first = asyncio.create_task(ask(["tea"], PATIENCE, lambda: False))
        while ["tea"] not in encoder.calls:
            await asyncio.sleep(0.001)
        second = asyncio.create_task(ask(["milk"], patience, lambda: gone))
        await asyncio.sleep(0.05)
        encoder.mode = "well"
        encoder.release.set()
        await asyncio.gather(first, second)

    before = shed()
    asyncio.run(ask())
    eventually(lambda: shed() != before)
    assert {one: shed()[one] - before[one] for one in before if shed()[one] != before[one]} == {
        why: 1.0
    }
    assert ["milk"] not in encoder.calls
    made.close()


def test_lane_lets_go_of_what_hangs(encoder: Scripted) -> None:
    lane = Lane(encoder)
    encoder.mode = "hang"
    with pytest.raises(Busy):
        lane.now(["tea"], 0.01)
    with pytest.raises(Busy):
        lane.now(["milk"], PATIENCE)  # at once
    encoder.mode = "well"
    encoder.release.set()
    eventually(lambda: lane.stuck_for() == 0.0)
    assert [found.tolist() for found in lane.now(["soup"], PATIENCE)] == [[1.0, 4.0]]
    assert ["milk"] not in encoder.calls
    lane.close()

"""Searches that wait together share the way to the encoder's thread, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from service.encoding.choice import Choice
from service.encoding.lane import Busy, Lane
from service.encoding.lru import Lru
from service.encoding.query_encoder import Encoded, QueryEncoder
from service.encoding.together import MOST, Together

PATIENCE = 30.0


class Moody:
    """An encoder that fails at `bad`, hangs at `slow` and knows what it was asked."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.release = threading.Event()

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        self.calls.append(list(texts))
        if "bad" in texts:
            raise RuntimeError("device lost")
        if "slow" in texts:
            self.release.wait(PATIENCE)
        return np.array([[1.0, len(text)] for text in texts], np.float32)


@pytest.fixture
def encoder() -> Iterator[Moody]:
    moody = Moody()
    yield moody
    moody.release.set()


class Counted(Lane):
    """A lane that counts how often somebody stood and waited."""

    def __init__(self, encoder: Moody) -> None:
        super().__init__(encoder)
        self.waits = 0

    def now(self, texts: Sequence[str], seconds: float) -> list:
        self.waits += 1
        return super().now(texts, seconds)


def test_announced_texts_come_with_the_first_that_is_asked_for(encoder: Moody) -> None:
    lane, together = Counted(encoder), Together(0.001)
    for text in ("tea", "milk", "soup"):
        together.announce(text)
    for text in ("milk", "tea", "soup"):
        assert together.take(lane, text, PATIENCE).tolist() == [1.0, len(text)]
    assert lane.waits == 1
    assert encoder.calls == [["milk"], ["tea"], ["soup"]], "each by itself"
    together.take(lane, "milk", PATIENCE)
    assert lane.waits == 2, "a vector is for one search: what is kept is the cache's matter"
    lane.close()


def test_a_text_that_fails_fails_alone(encoder: Moody) -> None:
    lane, together = Counted(encoder), Together(0.001)
    for text in ("tea", "bad", "soup"):
        together.announce(text)
    assert together.take(lane, "tea", PATIENCE).tolist() == [1.0, 3.0]
    assert together.take(lane, "soup", PATIENCE).tolist() == [1.0, 4.0]
    assert lane.waits == 1
    for _ in range(2):  # each time it is asked for, and never by hearsay
        with pytest.raises(RuntimeError, match="device lost"):
            together.take(lane, "bad", PATIENCE)
    assert encoder.calls.count(["bad"]) == 3
    lane.close()


def test_nobody_waits_for_more_texts_than_there_is_time_for(encoder: Moody) -> None:
    texts = [f"text {number}" for number in range(2 * MOST)]
    for seconds, each, expected in ((PATIENCE, 0.001, MOST), (1.0, 0.1, 5), (1.0, 2.0, 1)):
        lane, together = Counted(encoder), Together(each)
        encoder.calls.clear()
        for text in texts:
            together.announce(text)
        together.take(lane, texts[0], seconds)
        assert len(encoder.calls) == expected
        lane.close()


def test_of_a_text_that_hangs_the_others_have_what_was_done(encoder: Moody) -> None:
    lane, together = Counted(encoder), Together(0.001)
    for text in ("tea", "milk", "slow", "soup"):
        together.announce(text)
    assert together.take(lane, "tea", 0.1).tolist() == [1.0, 3.0]
    assert together.take(lane, "milk", PATIENCE).tolist() == [1.0, 4.0]
    for text in ("slow", "soup"):  # at once, while it hangs
        with pytest.raises(Busy):
            together.take(lane, text, PATIENCE)
    assert encoder.calls == [["tea"], ["milk"], ["slow"]]
    encoder.release.set()
    lane.close()


def test_the_first_that_hangs_is_given_up(encoder: Moody) -> None:
    lane, together = Counted(encoder), Together(0.001)
    for text in ("slow", "soup"):
        together.announce(text)
    with pytest.raises(Busy):
        together.take(lane, "slow", 0.05)
    assert encoder.calls == [["slow"]]
    lane.close()


def test_what_nobody_fetches_is_forgotten(encoder: Moody) -> None:
    lane, together = Counted(encoder), Together(0.001)
    for number in range(20 * MOST):
        together.announce(f"gone {number}")
    for number in range(40):
        together.take(lane, f"here {number}", PATIENCE)
    assert len(together._ready) <= 2 * MOST
    assert not together._announced
    lane.close()


def test_searches_that_expect_vectors_share_a_wait_and_kept_ones_need_none(
    encoder: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = QueryEncoder(encoder, "print", Choice("inline", 1.0, ""), Lru(8))
    waits: list[list[str]] = []
    now = made._lane.now
    monkeypatch.setattr(
        made._lane, "now", lambda texts, seconds: waits.append([*texts]) or now(texts, seconds)
    )

    async def search(text: str, **more: bool) -> Encoded:
        made.expect(text, **more)
        await asyncio.sleep(0)
        return await made.vector(text, PATIENCE, lambda: False, **more)

    async def several(*texts: str, **more: bool) -> list[Encoded]:
        return await asyncio.gather(*(search(text, **more) for text in texts))

    found = asyncio.run(several("tea", "milk", "soup"))
    assert [one.vector.tolist() for one in found if one.vector is not None] == [
        [1.0, 3.0], [1.0, 4.0], [1.0, 4.0],
    ]  # fmt: skip
    assert waits == [["tea", "milk", "soup"]]
    asyncio.run(several("tea", "corn", "rice"))
    assert waits[1:] == [["corn", "rice"]]
    asyncio.run(several("tea", "milk", use_cache=False))
    assert waits[2:] == [["tea", "milk"]]
    made.close()


def test_one_text_that_hangs_opens_no_breaker_for_those_before_it(encoder: Moody) -> None:
    made = QueryEncoder(encoder, "print", Choice("inline", 1.0, ""), Lru(8), max_wait=0.1)

    async def search(text: str) -> Encoded:
        made.expect(text)
        await asyncio.sleep(0)
        return await made.vector(text, PATIENCE, lambda: False)

    async def several(*texts: str) -> list[Encoded]:
        return await asyncio.gather(*(search(text) for text in texts))

    found = asyncio.run(several("tea", "milk", "soup", "slow"))
    assert [one.reason for one in found] == ["", "", "", "slow"]
    assert not made.down
    made.close()


def test_nothing_is_announced_to_an_encoder_that_is_out(encoder: Moody) -> None:
    made = QueryEncoder(encoder, "print", Choice("inline", 1.0, ""), Lru(0))
    made.expect("tea")
    made._breaker.trip()
    for number in range(100):
        made.expect(f"text {number}")
    assert [*made._together._announced] == ["tea"]
    made._mended(encoder)
    assert not made._together._announced
    encoder.calls.clear()
    asyncio.run(made.vector("milk", PATIENCE, lambda: False))
    assert encoder.calls == [["milk"]]
    made.close()

"""Work put off until a block of it has come together: all of it is done, once, and soon."""

from __future__ import annotations

import asyncio
import threading

import pytest

from service import afterwards, counting, metrics
from service.afterwards import BLOCK, Afterwards, later


@pytest.fixture
def done() -> list[int]:
    return []


def test_a_whole_block_is_done_at_once_and_in_order(done):
    work = Afterwards()

    async def add() -> None:
        for number in range(BLOCK - 1):
            work(done.append, number)
        assert done == []
        work(done.append, BLOCK - 1)

    asyncio.run(add())
    assert done == list(range(BLOCK))


def test_a_block_that_another_thread_made_whole_is_done_with_the_next_work(done):
    work = Afterwards()

    async def add() -> None:
        work(done.append, 0)
        for number in range(1, BLOCK):
            work.add(done.append, number)
        work(done.append, BLOCK)
        work(done.append, BLOCK + 1)
        assert done == []
        await asyncio.sleep(0)
        assert done == list(range(BLOCK + 2))

    asyncio.run(add())


def test_less_than_a_block_is_done_a_moment_later(done, monkeypatch):
    monkeypatch.setattr(afterwards, "SECONDS", 0.01)
    work = Afterwards()

    async def add(number: int) -> None:
        work(done.append, number)
        assert number not in done
        await asyncio.sleep(0.05)
        assert number in done

    async def twice() -> None:
        await add(1)
        await add(2)

    asyncio.run(twice())
    asyncio.run(add(3))
    assert done == [1, 2, 3]


def test_a_loop_that_ended_too_early_does_not_keep_the_next_one_from_it(done, monkeypatch):
    monkeypatch.setattr(afterwards, "SECONDS", 0.01)
    work = Afterwards()

    async def add(number: int, seconds: float) -> None:
        work(done.append, number)
        await asyncio.sleep(seconds)

    asyncio.run(add(1, 0.0))
    assert done == []
    asyncio.run(add(2, 0.05))
    assert done == [1, 2]


def test_without_an_event_loop_it_is_done_at_once(done):
    Afterwards()(done.append, 1)
    assert done == [1]


def test_what_is_wanted_once_is_done_once_with_the_next_work(done):
    work = Afterwards()

    def note() -> None:
        done.append(0)

    async def add() -> None:
        work.once(note)
        work.once(note)
        assert done == []
        work(done.append, 1)
        work.catch_up()

    asyncio.run(add())
    work.catch_up()
    assert done == [1, 0]


def test_what_fails_is_logged_and_the_rest_is_done(done, caplog):
    work = Afterwards()

    async def add() -> None:
        work(done.append, 1)
        work(done.index, 99)
        work(done.append, 2)
        work.catch_up()

    asyncio.run(add())
    assert done == [1, 2]
    assert "could not be counted" in caplog.text


def test_another_thread_may_add_to_it(done):
    work = Afterwards()
    threads = [
        threading.Thread(target=lambda: [work.add(done.append, one) for one in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        work.catch_up()
    work.catch_up()
    assert sorted(done) == sorted([*range(500)] * 4)


def test_whoever_reads_the_metrics_sees_all_that_was_counted():
    def count() -> float:
        lines = metrics.exposition().decode().splitlines()
        name = 'gradus_http_requests_total{method="GET",route="/afterwards",status="200"}'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    before = count()

    async def add() -> None:
        later(counting.observe_request, "GET", "/afterwards", 200, 0.001)
        assert count() == before + 1

    asyncio.run(add())

"""Bursts are taken on, standing queues are not."""

from __future__ import annotations

from random import Random

import pytest

from catalog.errors import DeadlineExceeded
from service import metrics
from service.admission import PATIENCE, Admission, is_work
from service.arrival import Arrival, ClientGone, Deadline

EACH = 0.001  # seconds that an answer takes


class Simulated:
    """A worker that answers one search a millisecond, on a clock of its own."""

    def __init__(self, burst: int, queue_seconds: float) -> None:
        self.admission = Admission(burst, queue_seconds)
        self.now = 100.0

    def turn(self, offered: int) -> int:
        """One look at the sockets, then the answers; how many were taken on."""
        taken = sum(self.admission.enter(self.now) for _ in range(offered))
        for _ in range(taken):
            self.now += EACH
            self.admission.leave(self.now)
        return taken

    def rest(self, seconds: float) -> None:
        self.now += seconds


def test_a_burst_after_a_rest_is_taken_on() -> None:
    worker = Simulated(burst=64, queue_seconds=0.005)
    for _ in range(3):
        worker.rest(1.0)
        assert worker.turn(50) == 50


def test_no_more_than_the_burst_is_taken_on() -> None:
    worker = Simulated(burst=64, queue_seconds=0.005)
    assert worker.turn(100) == 64
    assert worker.admission.pending == 0


def test_a_queue_that_stands_is_kept_short_until_it_is_gone() -> None:
    worker = Simulated(burst=64, queue_seconds=0.005)
    began = worker.now
    while worker.now - began <= PATIENCE:
        assert worker.turn(20) == 20
    for _ in range(200):
        assert worker.turn(20) == worker.admission.standing == 5
    worker.rest(0.003)  # a moment with nothing to do, which a generator's hiccup gives too
    assert worker.turn(20) == 5
    worker.rest(0.1)
    assert worker.turn(20) == 20


def test_searches_refused_before_their_body_came_stand_in_the_queue_too() -> None:
    """As by POST: whether there is room is asked when the head is there, and again at the end."""
    worker = Simulated(burst=64, queue_seconds=0.005)
    admission = worker.admission
    refused = metrics.SHED.labels("queue_full")._value.get()
    turned_away = 0
    for _ in range(300):
        taken = 0
        for _ in range(20):
            if admission.turns_away(worker.now):
                turned_away += 1
            else:
                taken += admission.enter(worker.now)
        for _ in range(taken):
            worker.now += EACH
            admission.leave(worker.now)
        if worker.now > 100.0 + PATIENCE + 20 * EACH:
            assert taken == admission.standing, "the pending ones end, the queue has not"
    assert turned_away > 4000
    assert metrics.SHED.labels("queue_full")._value.get() - refused == turned_away


def test_small_crowds_after_an_overload_are_let_in_again() -> None:
    worker = Simulated(burst=64, queue_seconds=0.005)
    for _ in range(100):
        worker.turn(20)
    for _ in range(20):
        worker.rest(0.4)
        assert worker.turn(24) == 24


def test_hardly_anybody_is_refused_at_seventy_percent() -> None:
    worker, rng = Simulated(burst=64, queue_seconds=0.005), Random(3)
    for _ in range(100):
        worker.turn(20)  # the state that an overload leaves behind
    refused, arrivals, due = 0, 7000, worker.now
    for _ in range(arrivals):
        due += rng.expovariate(0.7 / EACH)
        worker.now = max(worker.now, due)
        refused += worker.turn(1) == 0
    assert refused < 0.001 * arrivals


def test_one_too_many_in_a_crowd_is_no_overload() -> None:
    worker = Simulated(burst=64, queue_seconds=0.005)
    for _ in range(3):
        assert worker.turn(70) == 64
        worker.rest(0.01)


def test_even_load_is_never_refused() -> None:
    worker = Simulated(burst=64, queue_seconds=0.005)
    for _ in range(1000):
        assert worker.turn(4) == 4


def test_slow_answers_mean_a_shorter_queue() -> None:
    admission = Admission(64, 0.020)
    now = 0.0
    for _ in range(200):
        assert admission.enter(now)
        now += 0.010
        admission.leave(now)
    assert admission.standing == 2


@pytest.mark.parametrize(
    ("path", "work"),
    [("/v1/search", True), ("/v1/suggest", True), ("/livez", False), ("/v1/indexes", False)],
)
def test_operators_are_let_through(path: str, work: bool) -> None:
    assert is_work(path) is work


def test_deadline() -> None:
    now = Arrival()
    assert 9.0 < Deadline(now, 10.0).left() <= 10.0
    Deadline(now, 10.0).check("in the queue")
    with pytest.raises(DeadlineExceeded, match="passed in the queue"):
        Deadline(Arrival(at=now.at - 1.0), 0.1).check("in the queue")
    with pytest.raises(ClientGone):
        Deadline(Arrival(gone=lambda: True), 10.0).check("in the queue")

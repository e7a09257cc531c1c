"""Judges one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from training.judge import HumanJudge
from training.judges.chain import FirstAnswer


class Eager:
    """Always says 1, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def grade(self, pairs: Sequence[tuple[str, int]]) -> list[int | None]:
        self.asked += pairs
        return [1] * len(pairs)


def test_a_person_comes_first_and_zero_is_an_answer() -> None:
    eager = Eager()
    judge = FirstAnswer([HumanJudge({"hose": {0: 0, 2: 2}}), HumanJudge({"kettle": {3: 2}}), eager])
    pairs = [("hose", 2), ("kettle", 3), ("hose", 1), ("hose", 0)]
    assert judge.grade(pairs) == [2, 2, 1, 0]
    assert eager.asked == [("hose", 1)]


def test_what_nobody_knows_stays_open_and_nobody_is_asked_without_need() -> None:
    assert FirstAnswer([HumanJudge({})]).grade([("hose", 1)]) == [None]
    assert FirstAnswer([]).grade([("hose", 1)]) == [None]
    eager = Eager()
    assert FirstAnswer([HumanJudge({"a": {0: 0}}), eager]).grade([("a", 0)]) == [0]
    assert eager.asked == []

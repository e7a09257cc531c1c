"""Several judges as one: who knows best is asked first."""

from __future__ import annotations

from collections.abc import Sequence

from training.judge import Judge


class FirstAnswer:
    """Gives each pair the first answer that there is; later judges see what is still open.

    With people's judgments first, nothing that a person has graded is asked of a model.
    """

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._judges = tuple(judges)

    def grade(self, pairs: Sequence[tuple[str, int]]) -> list[int | None]:
        """One answer a pair, in order; None where no judge has one."""
        grades: list[int | None] = [None] * len(pairs)
        for judge in self._judges:
            open_places = [place for place, grade in enumerate(grades) if grade is None]
            if not open_places:
                break
            answers = judge.grade([pairs[place] for place in open_places])
            for place, answer in zip(open_places, answers, strict=True):
                grades[place] = answer
        return grades

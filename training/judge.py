"""Who says how well a product answers a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from catalog.text import normalise

HUMAN = "human"  # what judgment files call a person, see `catalog.judgments`


class Judge(Protocol):
    """Grades pairs of query and product position; `None` where it cannot tell."""

    def grade(self, pairs: Sequence[tuple[str, int]]) -> list[int | None]:
        """One answer a pair, in order: 0, 1, 2 or None."""
        ...


class HumanJudge:
    """Looks pairs up in judgments, by normalised query and product position; knows nothing else."""

    def __init__(self, graded: Mapping[str, Mapping[int, int]]) -> None:
        self._graded = graded

    def grade(self, pairs: Sequence[tuple[str, int]]) -> list[int | None]:
        """The judgment of each pair, None where there is none."""
        return [self._of(query).get(row) for query, row in pairs]

    def _of(self, query: str) -> Mapping[int, int]:
        found = self._graded.get(query)  # most are normal already, and there may be millions
        return self._graded.get(normalise(query), {}) if found is None else found

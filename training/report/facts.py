"""What a report tells, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

StageReport = Mapping[str, Any]
StageReports = Mapping[str, StageReport]


@dataclass(frozen=True)
class Ranked:
    """A product in a query's ranking.

    `rank` is from 1, None beyond the depth that was looked at; `grade` None where nobody judged.
    """

    rank: int | None
    cosine: float
    grade: int | None
    product: str
    title: str


@dataclass(frozen=True)
class DevQuery:
    """A dev query: nDCG@10, how many products of grade 2, 1 and 0 it has, what was found.

    `missed` are exact products below the first ten, nearest first.
    """

    query: str
    ndcg: float
    judged: tuple[int, int, int]
    hits: Sequence[Ranked]
    missed: Sequence[Ranked]


@dataclass(frozen=True)
class RunFacts:
    """All that a report is made from.

    `stages` are the reports of the stages as `report.json` has them; `worst` the dev queries with
    the lowest nDCG@10, worst first. Without a dev split it is empty.
    """

    recipe: Mapping[str, Any]
    architecture: str
    sizes: Mapping[str, int]
    stages: StageReports
    worst: Sequence[DevQuery]

    @property
    def dev_queries(self) -> int:
        """How many queries the dev split has."""
        return self.sizes["dev queries"]

    @property
    def seconds(self) -> float:
        """Of all stages together."""
        return float(sum(stage["seconds"] for stage in self.stages.values()))


def result_of(stage: StageReport, part: str) -> Mapping[str, Any] | None:
    """What was measured of the weights that a stage ended with: the last entry, or the best one.

    `part` is `dev` or `separation`; None where nothing was measured.
    """
    entries = stage.get(part) or ()
    kept = [entry for entry in entries if entry["step"] == stage.get("result_step")]
    return next(reversed([*entries[-1:], *kept]), None)

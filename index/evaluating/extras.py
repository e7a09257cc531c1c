"""What a user wants measured beyond the common figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from catalog.errors import GradusError
from catalog.readers import Issues
from index.evaluating.demand import Demand, read_demand

WORST = 10


@dataclass(frozen=True)
class Extras:
    """What to measure beyond the common figures.

    `worst` queries taken apart; `misspell` the seed of a second round with a slip in every query;
    `demand` frequencies and kinds of queries, for the slices.
    """

    worst: int = WORST
    misspell: int | None = None
    demand: Demand = field(default_factory=Demand)


def extras_of(
    worst: int | None, misspell: int | None, queries: Path | None
) -> tuple[Extras, list[str]]:
    """Extras from what a user says, and notes on the query file. Raises GradusError."""
    if worst is not None and worst < 0:
        raise GradusError("--worst is out of range", expected="0 or more", found=str(worst))
    issues = Issues()
    demand = Demand() if queries is None else read_demand(queries, issues)
    notes = [f"queries: {issues.summary()}"] if issues.total else []
    return Extras(WORST if worst is None else worst, misspell, demand), notes

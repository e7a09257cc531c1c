"""How long the parts of a search may take that an answer can do without."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


class OverBudget(Exception):  # noqa: N818, a state rather than a fault
    """A part has taken its time and is not done; it is left out."""


@dataclass(frozen=True)
class Budgets:
    """Seconds of each part. Without bounds, as offline, whatever is asked for is done."""

    spelling: float = inf
    facets: float = inf


NO_BUDGETS = Budgets()

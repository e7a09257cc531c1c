"""The result set R(q): the union of each arm's best c, every pair scored by both arms.

Independent of limit, offset, fields and order: a request changes what is shown of R, never R.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import loops

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """What one arm proposes, best first; `full` when it stopped at c and may know more."""

    rows: Rows
    scores: Scores
    full: bool


@dataclass(frozen=True)
class Candidates:
    """Rows of R, in no order, with the score that orders them.

    `semantic` and `lexical` are None where that arm took no part. `beyond` has a score for each
    full arm: that of its c-th candidate, in the semantic arm at the most that late interaction
    could add to it. What lies beyond scores no higher in that arm.
    """

    rows: Rows
    scores: Scores
    semantic: Scores | None
    lexical: Scores | None
    beyond: tuple[float, ...] = ()


NOTHING = Candidates(np.empty(0, np.int64), np.empty(0), None, None)


def with_rows(found: Candidates, more: Candidates) -> Candidates:
    """R and further pairs of the same query and arms, none of which is in R."""
    if not len(found.rows):
        return more
    return Candidates(
        np.concatenate((found.rows, more.rows)),
        np.concatenate((found.scores, more.scores)),
        _both(found.semantic, more.semantic),
        _both(found.lexical, more.lexical),
        found.beyond,
    )


def _both(first: Scores | None, second: Scores | None) -> Scores | None:
    return None if first is None or second is None else np.concatenate((first, second))


def absent(rows: Rows, among: Rows) -> NDArray[np.bool_]:
    """Which of `rows` are not in `among`, (len(rows),)."""
    return loops.absent(rows, among).view(np.bool_)


def blended(
    rows: Rows, semantic: Scores | None, lexical: Scores | None, alpha: float
) -> Candidates:
    """Pairs with score alpha·semantic + (1-alpha)·lexical, or the score of the only arm given."""
    if semantic is not None and lexical is not None:
        return Candidates(rows, alpha * semantic + (1.0 - alpha) * lexical, semantic, lexical)
    only = semantic if semantic is not None else lexical
    return NOTHING if only is None else Candidates(rows, only, semantic, lexical)

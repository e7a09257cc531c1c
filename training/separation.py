"""How far apart the grades lie on the scale of cosines: counts by bin, and margins."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.margins import margins
from catalog.model import Grade
from catalog.text import normalise

BINS = 40  # of .05, from -1 to 1
OVERLAP = 0.7  # share of a query's words in the title from which the paper measures its margins


def title_share(query: str, title: str) -> float:
    """The share of the query's distinct words that the title holds, in [0, 1]."""
    wanted, held = (set(re.findall(r"\w+", normalise(text))) for text in (query, title))
    return len(wanted & held) / max(1, len(wanted))


def histogram(cosines: NDArray[np.float32]) -> list[int]:
    """How many of the cosines, (n,) in [-1, 1], lie in each of `BINS` equal bins from -1 to 1.

    A bin holds its lower edge; the last one holds 1, too. What lies less than 1e-7 below an edge
    counts as on it.
    """
    place = np.floor(np.round((cosines.astype(np.float64) + 1.0) * (BINS / 2), 5)).astype(np.int64)
    counts: list[int] = np.bincount(np.clip(place, 0, BINS - 1), minlength=BINS).tolist()
    return counts


def separation(
    cosines: NDArray[np.float32],
    grades: NDArray[np.int64],
    query: NDArray[np.int64],
    overlap: NDArray[np.float64],
) -> dict[str, Any]:
    """Histogram of the cosine by grade and both margins, JSON-safe; the arrays are (pairs,).

    `cosines` maps each grade, as a text, to counts by bin; `margins` has `all` judged pairs and
    those whose title holds most of the query's words (`overlap`), each with `avg`, `worst` (null
    where no query has both an exact and an irrelevant product) and `queries`.
    """
    close = overlap >= OVERLAP
    return {
        "cosines": {
            str(grade.value): histogram(cosines[grades == grade]) for grade in reversed(Grade)
        },
        "margins": {
            "all": _margins(cosines, grades, query),
            "overlap": _margins(cosines[close], grades[close], query[close]),
        },
    }


def _margins(
    cosines: NDArray[np.float32], grades: NDArray[np.int64], query: NDArray[np.int64]
) -> dict[str, float | int | None]:
    average, worst, queries = margins(cosines, grades, query)
    if not queries:
        return {"avg": None, "worst": None, "queries": 0}
    return {"avg": round(average, 4), "worst": round(worst, 4), "queries": queries}

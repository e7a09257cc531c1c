"""Rows numbered over several parts, one part after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def starts_of(sizes: Sequence[int]) -> list[int]:
    """First row of each part, and the number of all rows at the end."""
    return [*accumulate(sizes, initial=0)]


def of_parts(rows: Rows, starts: Sequence[int]) -> Iterator[tuple[int, Rows]]:
    """Number of each part that has any of `rows`, and the places of those in `rows`."""
    for number, (start, stop) in enumerate(pairwise(starts)):
        places = ((rows >= start) & (rows < stop)).nonzero()[0]
        if len(places):
            yield number, places

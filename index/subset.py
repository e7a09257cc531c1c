"""Some rows of an index: those a filter lets through, those not deleted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Subset:
    """`mask` (n,) says of each row whether it belongs."""

    mask: NDArray[np.bool_]

    @cached_property
    def rows(self) -> Rows:
        """The rows that belong, ascending."""
        rows: Rows = self.mask.nonzero()[0]
        return rows

    def __len__(self) -> int:
        return len(self.rows)

    def between(self, start: int, stop: int) -> Subset:
        """The part from row `start` to before row `stop`, counted from 0."""
        return Subset(self.mask[start:stop])

    def both(self, other: Subset | None) -> Subset:
        """Rows that belong here and to `other`; None stands for all rows."""
        return self if other is None else Subset(self.mask & other.mask)

"""Every vector looked at in one byte a dimension; only rows that could be among the best remain.

With x ≈ codes · steps, one step a dimension, and query · steps ≈ digits · unit,

    |cosine - unit · (codes · digits)|  ≤  slack  =  |codes| · |query · steps - digits · unit|
                                                  +  |x - codes · steps| · |query|

by Cauchy and Schwarz, with the largest norms over all rows. None of the `count` nearest rows can
lie below the count-th largest sum less twice the slack. The rows above it are proposed: they hold
the nearest whatever the vectors are, and an exact look at these few ends in the exact answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index.byte_product import ByteProduct

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]

# Sums of codes times digits stay within 32 bits up to here.
MAX_DIM = 2048
_LARGEST_CODE = 127
# A digit has 14 bits: a high half in [-63, 63] and a low half in [-64, 63], each stored plus 64.
_LARGEST_DIGIT = 63 * 128 + 63
_ZERO = 64
_BLOCK = 8192


class ByteScan:
    """Codes of all rows and the bound on what they leave out. Searches may run side by side."""

    def __init__(self, vectors: Vectors) -> None:
        """`vectors` (n, dim) float32, n ≥ 1; keeps n·dim bytes. ValueError beyond MAX_DIM."""
        if vectors.shape[1] > MAX_DIM:
            raise ValueError(f"{vectors.shape[1]} dimensions, more than {MAX_DIM}")
        peaks = np.maximum(vectors.max(axis=0), -vectors.min(axis=0)).astype(np.float64)
        self._steps = np.where(peaks > 0.0, peaks / _LARGEST_CODE, 1.0)
        codes = np.empty(vectors.shape, np.int8)
        self._longest_code = self._longest_rest = longest = 0.0
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK].astype(np.float64)
            rounded = np.rint(block / self._steps)
            codes[start : start + _BLOCK] = rounded
            self._longest_code = max(self._longest_code, _longest(rounded))
            self._longest_rest = max(self._longest_rest, _longest(block - rounded * self._steps))
            longest = max(longest, _longest(block))
        # What the exact cosine itself, summed in float32, may be off by.
        self._longest_rest += vectors.shape[1] * float(np.finfo(np.float32).eps) * longest
        self._product = ByteProduct(codes, _ZERO)

    def propose(self, query: NDArray[np.float32], count: int) -> Rows:
        """Rows in ascending order that hold all of the `count` nearest, ties included.

        `query` (dim,) float32, any length; 1 ≤ count ≤ n.
        """
        weights = query * self._steps
        unit = float(abs(weights).max()) / _LARGEST_DIGIT or 1.0
        digits = np.rint(weights / unit)
        rest = weights - digits * unit
        slack = self._longest_code * float(rest @ rest) ** 0.5
        slack += self._longest_rest * float(query @ query) ** 0.5
        high = np.rint(digits / 128.0)
        halves = np.array((high, digits - 128.0 * high))
        above, below = self._product((halves + _ZERO).astype(np.uint8))
        above <<= 7
        above += below
        place = len(above) - count
        least = int(np.partition(above, place)[place]) - 2.0 * slack / unit
        return np.flatnonzero(above >= int(least) - 1)


def _longest(rows: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(rows, axis=1).max())

"""Every vector looked at in one byte a dimension; only rows that could be among the best remain.

With x ≈ codes · steps, one step a dimension, and query · steps ≈ digits · unit,

    |cosine - unit · (codes · digits)|  ≤  slack  =  |x - codes · steps| · |query|
                                                  +  |codes| · |query · steps - digits · unit|

by Cauchy and Schwarz, with the largest norms over all rows. None of the `count` nearest rows can
lie below the count-th largest sum less twice the slack. The rows above it are proposed: they hold
the nearest whatever the vectors are, and an exact look at these few ends in the exact answer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from index.byte_product import ByteProduct

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]

# Sums of codes times digits stay within 32 bits up to here.
MAX_DIM = 2048
_LARGEST_CODE = 127
# A digit has 14 bits in two halves of 0 to 127 that stand for -64 to 63: 128 · high + low.
_ZERO = 64
_SHIFT = 128 * _ZERO + _ZERO
_LARGEST_DIGIT = (1 << 14) - 1 - _SHIFT
_BLOCK = 8192
_EPSILON = np.finfo(np.float32).eps


class ByteScan:
    """Codes of all rows and the bound on what they leave out. Searches may run side by side."""

    def __init__(self, vectors: Vectors) -> None:
        """`vectors` (n, dim) float32, n ≥ 1; keeps n·dim bytes. ValueError beyond MAX_DIM."""
        if vectors.shape[1] > MAX_DIM:
            raise ValueError(f"{vectors.shape[1]} dimensions, more than {MAX_DIM}")
        peaks = np.maximum(vectors.max(axis=0), -vectors.min(axis=0)).astype(np.float64)
        self._steps = np.where(peaks > 0.0, peaks / _LARGEST_CODE, 1.0)
        codes = np.empty(vectors.shape, np.int8)
        longest_code = longest_rest = longest = 0.0
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK].astype(np.float64)
            rounded = np.rint(block / self._steps)
            codes[start : start + _BLOCK] = rounded
            longest_code = max(longest_code, _longest(rounded))
            longest_rest = max(longest_rest, _longest(block - rounded * self._steps))
            longest = max(longest, _longest(block))
        # |digits - query · steps / unit| has the length of dim halves at most.
        self._rounding = longest_code * vectors.shape[1] ** 0.5 / 2.0
        # What the exact cosine itself, summed in float32, may be off by.
        self._longest_rest = longest_rest + vectors.shape[1] * float(_EPSILON) * longest
        self._product = ByteProduct(codes, _ZERO)

    def propose(self, query: NDArray[np.float32], count: int) -> Rows:
        """Rows in ascending order that hold all of the `count` nearest, ties included.

        `query` (dim,) float32, any length; 1 ≤ count ≤ n.
        """
        weights = query * self._steps
        scale = _LARGEST_DIGIT / (float(np.abs(weights).max()) or 1.0)
        digits = np.rint(weights * scale + _SHIFT).astype(np.uint16)
        sums, low = self._product(np.array((digits >> 7, digits & 127), np.uint8))
        sums <<= 7
        sums += low
        slack = self._longest_rest * float(query @ query) ** 0.5 * scale + self._rounding
        place = len(sums) - count
        least = int(np.partition(sums, place)[place])
        rows: Rows = (sums >= least - 2 * math.ceil(slack)).nonzero()[0]
        return rows


def _longest(rows: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(rows, axis=1).max())

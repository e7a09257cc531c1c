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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.byte_product import ByteProduct
from index.vectors import VectorTable

Rows = NDArray[np.int64]
Sums = NDArray[np.int32]

# Sums of codes times digits stay within 32 bits up to here.
MAX_DIM = 2048
_LARGEST_CODE = 127
# A digit has 14 bits in two halves of 0 to 127 that stand for -64 to 63: 128 · high + low.
_ZERO = 64
_SHIFT = 128 * _ZERO + _ZERO
_LARGEST_DIGIT = (1 << 14) - 1 - _SHIFT
# One sum in so many is looked at first. With half as many again and these to spare, what the sample
# proposes holds the wanted number but for one search in thousands, which then sorts every sum.
_SAMPLED = 16
_SPARE = 12
_EPSILON = np.finfo(np.float32).eps


class ByteScan:
    """Codes of all rows and the bound on what they leave out. Searches may run side by side."""

    def __init__(self, vectors: VectorTable) -> None:
        """`vectors` of n ≥ 1 rows; keeps n·dim bytes. ValueError beyond MAX_DIM."""
        if vectors.dim > MAX_DIM:
            raise ValueError(f"{vectors.dim} dimensions, more than {MAX_DIM}")
        peaks = np.zeros(vectors.dim)
        for _, block in vectors.blocks():
            np.maximum(peaks, np.maximum(block.max(axis=0), -block.min(axis=0)), out=peaks)
        self._steps = np.where(peaks > 0.0, peaks / _LARGEST_CODE, 1.0)
        codes = np.empty((len(vectors), vectors.dim), np.int8)
        longest_code = longest_rest = longest = 0.0
        for start, floats in vectors.blocks():
            block = floats.astype(np.float64)
            rounded = np.rint(block / self._steps)
            codes[start : start + len(block)] = rounded
            longest_code = max(longest_code, _longest(rounded))
            longest_rest = max(longest_rest, _longest(block - rounded * self._steps))
            longest = max(longest, _longest(block))
        # |digits - query · steps / unit| has the length of dim halves at most.
        self._rounding = longest_code * vectors.dim**0.5 / 2.0
        # What the exact cosine itself, summed in float32, may be off by.
        self._longest_rest = longest_rest + vectors.dim * float(_EPSILON) * longest
        self._product = ByteProduct(codes, _ZERO)

    def way(self, _passing: int) -> str:
        """How some rows are searched alone."""
        return "masked_scan"

    def propose(self, query: NDArray[np.float32], count: int, among: Rows | None = None) -> Rows:
        """Rows in ascending order that hold all of the `count` nearest, ties included.

        `query` (dim,) float32, any length; `among` are the rows that may be proposed, ascending,
        all of them without it; 1 ≤ count ≤ their number.
        """
        weights = query * self._steps
        scale = _LARGEST_DIGIT / (float(np.abs(weights).max()) or 1.0)
        digits = np.rint(weights * scale + _SHIFT).astype(np.uint16)
        sums, low = self._product(np.array((digits >> 7, digits & 127), np.uint8))
        sums <<= 7
        sums += low
        if among is not None:
            sums = sums.take(among)
        slack = self._longest_rest * float(query @ query) ** 0.5 * scale + self._rounding
        near = _at_least(sums, _largest(sums, count) - 2 * math.ceil(slack))
        return near if among is None else among.take(near)


def _largest(sums: Sums, count: int) -> int:
    """The `count`-th largest sum.

    A sample says where to look for it: to sort the few above is a sixth of the work of sorting all.
    """
    above = sums
    place = count // _SAMPLED * 3 // 2 + _SPARE
    sample = sums[::_SAMPLED]
    if place < len(sample):
        guess = np.partition(sample, -place)[-place]
        above = sums.compress(sums >= guess)
        if len(above) < count:
            above = sums
    return int(np.partition(above, -count)[-count])


def _at_least(sums: Sums, least: int) -> Rows:
    rows: Rows = (sums >= least).nonzero()[0]
    return rows


def _longest(rows: NDArray[np.floating[Any]]) -> float:
    return float(np.linalg.norm(rows, axis=1).max())

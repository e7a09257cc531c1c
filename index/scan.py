"""Every vector looked at in half a byte a dimension; the rows that seem nearest are proposed.

Each dimension is brought to the same spread, so that none wastes the sixteen steps there are, and
each row (each block of its dimensions) to a scale of its own:

    x ≈ spread · scale · (nibble - 8)

A cosine is then off by some hundredths at most times, so half as many rows again as are wanted are
proposed and looked at exactly. How many it takes is settled when the index is built, by what an
exact search finds (`index.settling`). A bound that held for every vector would propose thousands.
"""

from __future__ import annotations

import math
from copy import copy

import numpy as np
from numpy.typing import NDArray

from index import loops
from index.nibble_product import LARGEST, ZERO, NibbleProduct, block_of
from index.vectors import VectorTable

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

# Sixteen even steps leave the least error of normal values where one is this many deviations.
# J. Max, "Quantizing for minimum distortion", IRE Trans. Inf. Theory 6 (1960), table II.
_STEP = 0.335


class NibbleScan:
    """Nibbles of all rows, and how many to propose. Searches may run side by side."""

    def __init__(self, vectors: VectorTable, overfetch: float) -> None:
        """`vectors` of n ≥ 1 rows, of which n·dim/2 bytes are kept; `overfetch` ≥ 1."""
        squares = np.zeros(vectors.dim)
        for _, block in vectors.blocks():
            squares += np.square(block, dtype=np.float64).sum(axis=0)
        self._spread = _nonzero(np.sqrt(squares / len(vectors)).astype(np.float32))
        self._overfetch = overfetch
        self._rows = len(vectors)
        size = block_of(vectors.dim)
        nibbles = np.empty((len(vectors), vectors.dim), np.uint8)
        scales = np.empty((len(vectors), -(-vectors.dim // size)), np.float32)
        for start, floats in vectors.blocks():
            for place in range(scales.shape[1]):
                part = slice(place * size, (place + 1) * size)
                block = floats[:, part] / self._spread[part]
                scale = _nonzero(_STEP * np.sqrt(np.square(block).mean(axis=1, keepdims=True)))
                nibbles[start : start + len(block), part] = _rounded(block / scale)
                scales[start : start + len(block), place] = scale[:, 0]
        self._product = NibbleProduct(nibbles, scales)

    def way(self, passing: int | None) -> str:
        """How all rows are searched, or some of them alone."""
        return "scan" if passing is None else "masked_scan"

    def proposing(self, overfetch: float) -> NibbleScan:
        """The same nibbles; so many rows are proposed for each one wanted from now on."""
        scan = copy(self)
        scan._overfetch = overfetch
        return scan

    def propose(self, query: Floats, count: int, among: Rows | None = None) -> Rows | None:
        """Rows in ascending order that likely hold the `count` nearest; None for every one.

        `query` (dim,) float32, any length; `among` are the rows that may be proposed, ascending,
        all of them without it; 1 ≤ count ≤ their number.
        """
        wanted = count * self._overfetch
        if wanted >= (self._rows if among is None else len(among)):
            return among
        wanted = math.ceil(wanted)
        sums = self._product(query * self._spread)
        if among is not None:
            sums = sums.take(among)
        near = loops.nearest(sums, wanted)
        return near if among is None else among.take(near)


def _rounded(block: Floats) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.clip(np.rint(block) + ZERO, 0, LARGEST).astype(np.uint8)
    return rounded


def _nonzero(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.where(values > 0.0, values, 1.0)

"""Product vectors as they are stored: four, two or one byte a dimension.

`fp32` keeps what the encoder gave. `fp16` rounds it to half precision. `int8` keeps whole numbers
from -127 to 127 and the factor that makes each row a unit vector again. What is stored is what
counts: every score, quick or exact, is that of the stored vector turned back into float32, so a
pair has one score whichever way it is reached. A row is stored by itself, whatever its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from index import loops

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]
VectorKind = Literal["fp32", "fp16", "int8"]

VECTORS_FILE = "vectors.npy"
FACTORS_FILE = "vector_factors.npy"
_LARGEST_CODE = 127
_BLOCK = 4096


@dataclass(frozen=True)
class VectorTable:
    """`stored` (n, dim) in the type of its kind; `factors` (n,) float32 for int8 alone."""

    stored: NDArray[np.generic]
    factors: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.stored.shape[1])

    @property
    def kind(self) -> VectorKind:
        """How the rows are stored."""
        kinds: dict[np.dtype[np.generic], VectorKind] = {
            np.dtype(np.float32): "fp32",
            np.dtype(np.float16): "fp16",
            np.dtype(np.int8): "int8",
        }
        return kinds[self.stored.dtype]

    @property
    def bytes(self) -> int:
        """Size on disk and, once read, in memory."""
        return int(self.stored.nbytes) + (0 if self.factors is None else int(self.factors.nbytes))

    def take(self, rows: Rows) -> Vectors:
        """Those rows as float32, (len(rows), dim)."""
        factors = None if self.factors is None else self.factors.take(rows)
        return _floats(self.stored.take(rows, axis=0), factors)

    def cosines(self, rows: Rows, query: NDArray[np.float32]) -> NDArray[np.float64]:
        """Cosines of `rows` with one unit vector (dim,), clipped to [-1, 1]; (len(rows),)."""
        if self.kind == "fp32":  # read where they lie
            stored: Vectors = self.stored  # type: ignore[assignment]
            return loops.cosines(stored, rows, query)
        return loops.cosines(self.take(rows), None, query)

    def blocks(self) -> Iterator[tuple[int, Vectors]]:
        """All rows in order as float32, some thousands at a time, each with its first row."""
        for start in range(0, len(self), _BLOCK):
            span = slice(start, start + _BLOCK)
            factors = None if self.factors is None else self.factors[span]
            yield start, _floats(self.stored[span], factors)

    def save(self, directory: Path) -> None:
        """Write the rows, and the factors where there are any."""
        np.save(directory / VECTORS_FILE, self.stored)
        if self.factors is not None:
            np.save(directory / FACTORS_FILE, self.factors)

    @classmethod
    def load(cls, directory: Path, kind: VectorKind) -> VectorTable:
        """Map what `save` wrote. Raises OSError, EOFError or ValueError."""
        stored = np.asarray(np.load(directory / VECTORS_FILE, mmap_mode="r"))
        factors = None
        if kind == "int8":
            factors = np.asarray(np.load(directory / FACTORS_FILE, mmap_mode="r"))
            if factors.shape != stored.shape[:1] or factors.dtype != np.float32:
                raise ValueError("its vectors and their factors disagree")
        table = cls(stored, factors)
        if stored.ndim != 2 or table.kind != kind or not stored.flags.c_contiguous:
            raise ValueError(f"its vectors are {stored.dtype} {stored.shape}, not {kind}")
        return table


def store_as(vectors: Vectors, kind: VectorKind) -> VectorTable:
    """Unit rows (n, dim) float32 as a table of `kind`; a zero row stays one."""
    if kind == "fp32":
        return VectorTable(vectors)
    if kind == "fp16":
        return VectorTable(vectors.astype(np.float16))
    codes = np.empty(vectors.shape, np.int8)
    factors = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        span = slice(start, start + _BLOCK)
        block = vectors[span].astype(np.float64)
        peaks = np.abs(block).max(axis=1, keepdims=True)
        rounded = np.rint(block * (_LARGEST_CODE / np.where(peaks > 0.0, peaks, 1.0)))
        codes[span] = rounded
        lengths = np.sqrt(np.square(rounded).sum(axis=1))
        factors[span] = 1.0 / np.where(lengths > 0.0, lengths, 1.0)
    return VectorTable(codes, factors)


def _floats(stored: NDArray[np.generic], factors: NDArray[np.float32] | None) -> Vectors:
    floats: Vectors = stored.astype(np.float32, copy=False)
    return floats if factors is None else floats * factors[:, None]

"""Vectors cut short: their first components, brought back to length 1 (Matryoshka, 2205.13147)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def shortened(vectors: Vectors, dims: int) -> Vectors:
    """The first `dims` components of unit rows (n, dim) float32, L2 = 1 again; zeros stay zeros."""
    cut = np.ascontiguousarray(vectors[:, :dims])
    lengths = np.sqrt(np.einsum("ij,ij->i", cut, cut, dtype=np.float64))
    scaled: Vectors = (cut / np.where(lengths > 0.0, lengths, 1.0)[:, None]).astype(np.float32)
    return scaled


def cut_fingerprint(fingerprint: str, dims: int) -> str:
    """Fingerprint of an encoder whose vectors are cut: other vectors, another fingerprint."""
    return f"{dims}d-{fingerprint}"

"""How far an exported encoder strays from its checkpoint, on real texts, and how far it may."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.errors import ParityError

Vectors = NDArray[np.float32]
DEPTH = 10  # products of a query whose agreement counts


class Sides(NamedTuple):
    """Vectors of the parity texts: queries (n, dim) and items (m, dim), rows L2 = 1."""

    queries: Vectors
    items: Vectors


@dataclass(frozen=True)
class Bounds:
    """What a bundle must hold.

    Smallest cosine of torch and float32 for any text; smallest mean cosine and rank agreement@10
    of a smaller precision and float32; largest difference that the texts beside it may make to a
    text's vector.
    """

    traced_cosine: float = 0.9999
    mean_cosine: float = 0.99
    rank_agreement: float = 0.95
    batch_difference: float = 1e-6


@dataclass(frozen=True)
class Parity:
    """Measures of one model file; cosines in [-1, 1], agreement in [0, 1], size in bytes.

    `batch_difference` is the largest difference of a component between a text encoded alone and
    among all the others.
    """

    precision: str
    format: str
    provider: str
    against: str
    size: int
    mean_cosine: float
    min_cosine: float
    rank_agreement: float
    batch_difference: float

    def record(self) -> dict[str, Any]:
        """For `parity.json`."""
        return asdict(self)

    def check(self, bounds: Bounds, where: Path) -> None:
        """Raises ParityError, naming measure, bound and what was found, at the first miss."""
        if self.against == "torch":
            _at_least("min_cosine", self.min_cosine, bounds.traced_cosine, self, where)
        else:
            _at_least("mean_cosine", self.mean_cosine, bounds.mean_cosine, self, where)
            _at_least("rank_agreement", self.rank_agreement, bounds.rank_agreement, self, where)
        _at_least("batch_difference", -self.batch_difference, -bounds.batch_difference, self, where)


def cosines(left: Sides, right: Sides) -> NDArray[np.float64]:
    """Cosine of each text's two vectors, queries then items, (n + m,)."""
    return np.concatenate(
        [
            (one.astype(np.float64) * other).sum(axis=1)
            for one, other in zip(left, right, strict=True)
        ]
    )


def rank_agreement(left: Sides, right: Sides, depth: int = DEPTH) -> float:
    """Mean over queries of the share of the top `depth` items that both sides have in common."""
    pairs = zip(_top(left, depth), _top(right, depth), strict=True)
    shares = [len(set(one) & set(other)) / len(one) for one, other in pairs]
    return float(np.mean(shares))


def _top(sides: Sides, depth: int) -> list[list[int]]:
    # Stable: items of equal vectors, as equal texts have, come in the order of the catalogue.
    order = np.argsort(-(sides.queries @ sides.items.T), axis=1, kind="stable")
    return [[int(row) for row in rows] for rows in order[:, :depth]]


def _at_least(measure: str, found: float, bound: float, parity: Parity, where: Path) -> None:
    if found >= bound:  # a NaN is no pass
        return
    sign = "<=" if bound < 0 else ">="
    raise ParityError(
        f"the {parity.precision} model ({parity.format}) strays from {parity.against}: "
        f"{measure} is out of bounds",
        where=where,
        expected=f"{measure} {sign} {abs(bound):g}",
        found=f"{abs(found):.6g}",
        hint="The bundle was not written. Train longer or use another precision.",
    )

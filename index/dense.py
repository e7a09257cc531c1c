"""The semantic arm: unit vectors, a way to few candidates, exact scores for every pair.

Candidates come by one of two plans, chosen when the index is built (`index.dense_build`): a scan of
half a byte a dimension (`index.scan`), or a graph where a scan takes too long (`index.graph`).
Either proposes rows and no more; the scores are those of `pair_scores`.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from index import loops
from index.graph import Graph
from index.ranking import best
from index.scan import NibbleScan
from index.subset import Subset
from index.vectors import VectorKind, VectorTable

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]
Vectors = NDArray[np.float32]
Plan = Literal["scan", "graph"]

GRAPH_FILE = "hnsw.bin"
SETTINGS_FILE = "dense.json"
# A look at so few rows takes no longer than the scan would.
FEW_FOR_SCAN = 2_000
# The time of one search of the graph, in rows looked at.
GRAPH_IN_ROWS = 4_000


@dataclass(frozen=True)
class DenseSettings:
    """HNSW parameters: links a node, breadth of building, breadth of searching, random seed.

    `ef`, and `overfetch`, the rows a scan proposes for each one wanted, are where the search for
    what suffices starts; the index keeps the one found.
    `plan` None leaves the choice to the build; `vectors` is how they are stored.
    With 200 candidates an arm, 32 links reach recall 0.99 at three fifths of the breadth that 16
    need (32,438 products of 256 dimensions), for 128 bytes a product more and the same build time.
    """

    m: int = 32
    ef_construction: int = 200
    ef: int = 200
    seed: int = 42
    plan: Plan | None = None
    vectors: VectorKind = "fp32"
    overfetch: float = 1.5


class Proposer(Protocol):
    """Names rows worth an exact look."""

    def propose(
        self, query: NDArray[np.float32], count: int, among: Rows | None = None
    ) -> Rows | None:
        """Rows of `among` that likely hold the `count` nearest there; None for every one."""

    def way(self, passing: int | None) -> str:
        """How it does so, in a word: among `passing` rows alone, or among all of them."""


def pair_scores(vectors: Vectors, query: NDArray[np.float32]) -> Scores:
    """Cosines of unit rows (n, dim) float32 with one unit vector (dim,), clipped to [-1, 1].

    The one routine behind every semantic score. It sums each row by itself in float32, in an order
    that knows nothing of the other rows; a BLAS product would round by the shape of the batch.
    """
    return loops.cosines(np.ascontiguousarray(vectors), None, query)


class DenseArm(ABC):
    """Scores from vectors, wherever these are kept."""

    settings: DenseSettings

    @property
    @abstractmethod
    def products(self) -> int:
        """Number of rows."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of the vectors."""

    @abstractmethod
    def score(self, query: NDArray[np.float32], rows: Rows) -> Scores:
        """Cosine of the query vector with each of `rows`, (len(rows),) float64 in [-1, 1]."""

    @abstractmethod
    def take(self, rows: Rows) -> Vectors:
        """The vectors of `rows` as they are stored, (len(rows), dim) float32."""

    @abstractmethod
    def looks_at_all(self, count: int, among: Subset | None = None, *, exact: bool = False) -> bool:
        """Whether `top` with these arguments scores every row (of `among`), without a proposer."""

    @abstractmethod
    def way(self, count: int, among: Subset | None = None, *, exact: bool = False) -> str:
        """How `top` with these arguments finds rows: `scan`, `hnsw` or `exact_scan`.

        Of `among`: see index.filtering.plans.
        """

    @abstractmethod
    def top(
        self,
        query: NDArray[np.float32],
        count: int,
        ranks: NDArray[np.int64],
        *,
        exact: bool = False,
        among: Subset | None = None,
    ) -> tuple[Rows, Scores]:
        """The `count` nearest rows and their cosines, ties by `ranks[row]`; fewer if there are not.

        `among` leaves out all other rows; `exact` looks at every row, without a proposer.
        """


class DenseIndex(DenseArm):
    """Vectors mapped into memory and a proposer of rows. Searches may run side by side."""

    def __init__(
        self, vectors: VectorTable, proposer: Proposer | None, settings: DenseSettings
    ) -> None:
        """`vectors` has rows with L2 = 1; without a proposer every row is looked at."""
        self.vectors = vectors
        self.settings = settings
        self._proposer = proposer

    @property
    def products(self) -> int:
        """Number of rows."""
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return self.vectors.dim

    def score(self, query: NDArray[np.float32], rows: Rows) -> Scores:
        """Cosine of the query vector with each of `rows`, (len(rows),) float64 in [-1, 1]."""
        return self.vectors.cosines(rows, query)

    def take(self, rows: Rows) -> Vectors:
        """The vectors of `rows` as they are stored, (len(rows), dim) float32."""
        return self.vectors.take(rows)

    def way(self, count: int, among: Subset | None = None, *, exact: bool = False) -> str:
        """How `top` with these arguments finds rows, in a word."""
        if self._proposer is None or self.looks_at_all(count, among, exact=exact):
            return "exact_scan"
        return self._proposer.way(None if among is None else len(among))

    def looks_at_all(self, count: int, among: Subset | None = None, *, exact: bool = False) -> bool:
        """Whether `top` with these arguments scores every row (of `among`), without a proposer."""
        # Asked for more by the share that passes, a graph takes the longer the fewer do, and a look
        # at them the shorter: both take the same time where rows² = products · GRAPH_IN_ROWS.
        graph = math.isqrt(self.products * GRAPH_IN_ROWS)
        few = 0 if among is None else graph if self.settings.plan == "graph" else FEW_FOR_SCAN
        rows = self.products if among is None else len(among)
        return exact or self._proposer is None or rows <= max(count, few)

    def top(
        self,
        query: NDArray[np.float32],
        count: int,
        ranks: NDArray[np.int64],
        *,
        exact: bool = False,
        among: Subset | None = None,
    ) -> tuple[Rows, Scores]:
        """The `count` nearest rows and their cosines, ties by `ranks[row]`; fewer if there are not.

        `among` leaves out all other rows; `exact` looks at every row, without a proposer.
        """
        rows = None
        if not self.looks_at_all(count, among, exact=exact) and self._proposer is not None:
            rows = self._proposer.propose(query, count, None if among is None else among.rows)
        if rows is None and among is not None:
            rows = among.rows
        if rows is None:
            return best(np.arange(self.products), self._every_score(query), ranks, count)
        return best(rows, self.score(query, rows), ranks, count)

    def _every_score(self, query: NDArray[np.float32]) -> Scores:
        scores = np.empty(self.products)
        for start, block in self.vectors.blocks():
            scores[start : start + len(block)] = pair_scores(block, query)
        return scores

    def save(self, directory: Path) -> None:
        """Write settings, and the graph if it is used, beside the vectors, which stand already."""
        if isinstance(self._proposer, Graph):
            self._proposer.save(directory / GRAPH_FILE)
        (directory / SETTINGS_FILE).write_text(json.dumps(asdict(self.settings), indent=2) + "\n")

    @classmethod
    def load(cls, directory: Path) -> DenseIndex:
        """Map the vectors, read the graph or make the codes. Raises BundleError when it cannot."""
        try:
            # Where no plan is named, the index is from before there were two; where nobody knows
            # how many rows its scan must propose, every one is looked at.
            before: dict[str, Any] = {"plan": "graph", "overfetch": math.inf}
            about = before | json.loads((directory / SETTINGS_FILE).read_text())
            settings = DenseSettings(**about)
            vectors = VectorTable.load(directory, settings.vectors)
            return cls(vectors, _proposer(directory, vectors, settings), settings)
        except (OSError, ValueError, TypeError, RuntimeError, EOFError) as error:
            raise BundleError(
                f"the vectors or their graph cannot be read: {error}",
                where=directory,
                hint="Build the index again.",
            ) from error


def _proposer(directory: Path, vectors: VectorTable, settings: DenseSettings) -> Proposer | None:
    if not len(vectors) or (settings.plan == "scan" and math.isinf(settings.overfetch)):
        return None
    if settings.plan == "scan":
        return NibbleScan(vectors, settings.overfetch)
    if settings.plan == "graph":
        return Graph.load(directory / GRAPH_FILE, vectors, settings.ef)
    raise ValueError(f"plan is {settings.plan!r}, not one of {', '.join(get_args(Plan))}")

"""Late interaction: which subwords of products are like one of a query, and how much that counts.

A bag of subwords has one vector a subword, whatever stands around it. So what late interaction
(Khattab and Zaharia, SIGIR 2020) asks of a pair can be looked up instead of computed: how well each
subword of the query is met by the one of the product that is most like it,

    late(q, p) = Σ_i w_i · (max(floor, max_{j in p} cos(query_i, item_j)) - floor) / (1 - floor)

with the weights that pooling gives the query's subwords, Σ_i w_i = 1. It is 1 where every subword
is met in full and 0 where none is met at all: what is less alike than `floor` does not count, so
a subword has a handful of others to look for. The fraction is kept in 255ths, for bytes are quicker
to compare, and weights in whole numbers, so that a sum is exact in any order. Serving code: numpy
and a compiled loop (`export.loops`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from export.loops import Wanted

LIKENESS_FILE = "likeness.npz"

# Chosen on training queries (docs/results.md); others nearby are as good.
SHARE = 0.375
FLOOR = 0.4
KEPT = 40  # subwords of a product, the weightiest: further ones are worth nothing (the same place)
FULLY = 255  # how a subword that is met in full is kept
_WHOLE = 60_000  # all subwords of a query weigh about so much

Subwords = NDArray[np.integer]  # uint16 or int32
Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AskedSubwords:
    """A query as late interaction reads it.

    `share` is that of late interaction in a semantic score, in [0, 1]; `wanted` has the subwords
    that meet the query's, and their weights.
    """

    share: float
    wanted: Wanted

    def late(self, products: Subwords) -> Scores:
        """Late interaction with products, (n, length) as `Likeness` numbers subwords; (n,)."""
        return self.wanted.sums(products) / (FULLY * (self.wanted.whole or 1))

    def mixed(self, cosines: Scores, products: Subwords) -> Scores:
        """The semantic scores of pairs: their vectors' `cosines` (n,) and late interaction."""
        scores: Scores = (1.0 - self.share) * cosines + self.share * self.late(products)
        return scores

    def highest(self, cosine: float) -> float:
        """The semantic score that no pair of that cosine, or a lower one, exceeds."""
        best = self.wanted.most / (FULLY * (self.wanted.whole or 1))
        return (1.0 - self.share) * cosine + self.share * best


@dataclass(frozen=True, eq=False)
class Likeness:
    """Of every token of a query the tokens of products that are like it.

    `weights` (tokens,) float32 ≥ 0, 0 for what late interaction does not read (special tokens). The
    tokens like token t are `like[starts[t]:starts[t + 1]]`, the most alike first, and meet it by
    `met` (uint8, from 1), in 255ths of what is above the floor. Of a product the `kept` weightiest
    subwords are read.
    """

    share: float
    floor: float
    kept: int
    weights: NDArray[np.float32]
    starts: NDArray[np.int32]
    like: NDArray[np.int32]
    met: NDArray[np.uint8]

    @property
    def no_subword(self) -> int:
        """The number that fills the rows of products with fewer subwords than others."""
        return len(self.weights)

    def asked(self, tokens: Sequence[int]) -> AskedSubwords:
        """A query's `tokens`, in order; where none of them is read, no product meets it."""
        wanted = Wanted(list(tokens), self.weights, self.starts, self.like, self.met, _WHOLE)
        return AskedSubwords(self.share, wanted)

    @cached_property
    def _read(self) -> list[float]:
        weights: list[float] = self.weights.tolist()
        return weights

    def products(self, tokens: Sequence[Sequence[int]], longest: int) -> Subwords:
        """The subwords of products, once each, the weightiest first where there are too many.

        (n, min(longest, kept)), uint16 where they all fit and int32 else.
        """
        weights = self._read
        fits = self.no_subword <= np.iinfo(np.uint16).max
        shape = len(tokens), min(longest, self.kept)
        table = np.full(shape, self.no_subword, np.uint16 if fits else np.int32)
        for row, ids in enumerate(tokens):
            read = [token for token in dict.fromkeys(ids) if weights[token] > 0.0]
            if len(read) > self.kept:
                read = sorted(read, key=weights.__getitem__, reverse=True)[: self.kept]
            table[row, : len(read)] = read
        return table

    def save(self, directory: Path) -> None:
        """Write `likeness.npz` into `directory`."""
        figures = np.array([self.share, self.floor, self.kept])
        np.savez(
            directory / LIKENESS_FILE,
            figures=figures,
            weights=self.weights,
            starts=self.starts,
            like=self.like,
            met=self.met,
        )

    @classmethod
    def load(cls, directory: Path, tokens: int) -> Likeness:
        """Read what `save` wrote, for a vocabulary of `tokens`. Raises BundleError."""
        path = directory / LIKENESS_FILE
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                figures = held["figures"].tolist()
                names = ("weights", "starts", "like", "met")
                weights, starts, like, met = (held[name] for name in names)
            sizes = len(weights) >= tokens, len(starts) == len(weights) + 1
            if len(figures) != 3:
                raise ValueError("another version of Gradus wrote it")
            if not all(sizes) or starts[-1] != len(like) or len(like) != len(met):
                raise ValueError("the sizes of its parts disagree")
            kinds = weights.dtype, starts.dtype, like.dtype, met.dtype
            if kinds != (np.float32, np.int32, np.int32, np.uint8):
                raise ValueError("its numbers are of other types")
            if starts[0] or (np.diff(starts) < 0).any() or not _within(like, len(weights)):
                raise ValueError("it names subwords that there are not")
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise BundleError(
                f"the likeness of subwords cannot be read: {error}",
                where=path,
                hint="Export the checkpoint again, and build its indexes again.",
            ) from error
        share, floor, kept = figures
        return cls(share, floor, int(kept), weights, starts, like, met)


def _within(numbers: NDArray[np.int32], count: int) -> bool:
    return not len(numbers) or (int(numbers.min()) >= 0 and int(numbers.max()) < count)

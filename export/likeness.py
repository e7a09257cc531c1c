"""Late interaction: which subwords of products are like one of a query, and how much that counts.

A bag of subwords has one vector a subword, whatever stands around it. So what late interaction
(Khattab and Zaharia, SIGIR 2020) asks of a pair can be looked up instead of computed: how well each
subword of the query is met by the one of the product that is most like it,

    late(q, p) = Σ_i w_i · (max(floor, max_{j in p} cos(query_i, item_j)) - floor) / (1 - floor)

with the weights that pooling gives the query's subwords, Σ_i w_i = 1. It is 1 where every subword
is met in full and 0 where none is met at all: what is less alike than `floor` does not count, so
a subword has a handful of others to look for. The fraction is kept in 255ths, for bytes are quicker
to compare, and weights in whole numbers, so that a sum is exact in any order. Serving code: numpy
alone.
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

LIKENESS_FILE = "likeness.npz"

# Chosen on training queries (docs/results.md); others nearby are as good.
SHARE = 0.375
FLOOR = 0.4
KEPT = 40  # subwords of a product, the weightiest: further ones are worth nothing (the same place)
FULLY = 255  # how a subword that is met in full is kept
# All subwords of a query weigh about so much: with up to ten thousand of them, sums of weight ·
# 255ths stay below 2^24, up to which float32 has every whole number.
_WHOLE = 60_000
_BLOCK = 8192  # products looked at at once

Subwords = NDArray[np.integer]  # uint16 or int32
Scores = NDArray[np.float64]
Places = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class AskedSubwords:
    """A query as late interaction reads it.

    `share` is that of late interaction in a semantic score, in [0, 1]. `places` (tokens + 1,)
    uint8, or uint16 for long queries, numbers the subwords looked for, 0 for all others. Of the
    query's subwords that anything is like, number i has `weights[i]` (whole numbers, float32) of
    the `whole` of all, and looks for `wanted[bounds[i]:bounds[i + 1]]` (places), which meet it by
    `met` of the same places (255ths, uint8). `best` is the most that late interaction can be.
    """

    share: float
    places: Places
    wanted: Places
    met: NDArray[np.uint8]
    bounds: tuple[int, ...]
    weights: NDArray[np.float32]
    whole: float
    best: float

    def late(self, products: Subwords) -> Scores:
        """Late interaction with products, (n, length) as `Likeness` numbers subwords; (n,)."""
        if len(products) > _BLOCK:
            starts = range(0, len(products), _BLOCK)
            return np.concatenate([self.late(products[at : at + _BLOCK]) for at in starts])
        if not len(self.weights):
            return np.zeros(len(products))
        held = self.places.take(products.ravel(), mode="clip")
        found = (held != 0).nonzero()[0]
        holds = np.zeros((len(self.wanted) + 1, len(products)), np.uint8)
        holds[held.take(found), found // products.shape[1]] = FULLY
        met = holds.take(self.wanted, axis=0)
        np.minimum(met, self.met[:, None], out=met)
        most = np.empty((len(self.weights), len(products)), np.uint8)
        for place, start, stop in zip(most, self.bounds, self.bounds[1:], strict=False):
            np.maximum.reduce(met[start:stop], axis=0, out=place)
        sums: Scores = np.einsum("i,ij->j", self.weights, most.astype(np.float32)).astype(
            np.float64
        )
        return sums / (FULLY * self.whole)

    def mixed(self, cosines: Scores, products: Subwords) -> Scores:
        """The semantic scores of pairs: their vectors' `cosines` (n,) and late interaction."""
        scores: Scores = (1.0 - self.share) * cosines + self.share * self.late(products)
        return scores

    def highest(self, cosine: float) -> float:
        """The semantic score that no pair of that cosine, or a lower one, exceeds."""
        return (1.0 - self.share) * cosine + self.share * self.best


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
        weights, bounds = self._lists
        total = sum([weights[token] for token in tokens])
        scale = _WHOLE / total if total > 0.0 else 0.0
        whole, best = 0, 0
        shares: list[int] = []
        ends, spans = [0], []
        for token in tokens:
            share = round(weights[token] * scale)
            whole += share
            first, last = bounds[token], bounds[token + 1]
            if share and first < last:
                shares.append(share)
                ends.append(ends[-1] + last - first)
                spans.append(slice(first, last))
                best += share * int(self.met[first])
        like = np.concatenate([self.like[:0], *[self.like[span] for span in spans]])
        met = np.concatenate([self.met[:0], *[self.met[span] for span in spans]])
        places: Places = np.zeros(len(weights) + 1, np.uint8)  # the last one is `no_subword`
        if len(like) > np.iinfo(np.uint8).max:
            places = places.astype(np.uint16)
        places[like] = np.arange(1, len(like) + 1)  # of one that is wanted twice, any number
        return AskedSubwords(
            self.share,
            places,
            places.take(like),
            met,
            tuple(ends),
            np.array(shares, np.float32),
            float(whole),
            best / (FULLY * whole) if whole else 0.0,
        )

    @cached_property
    def _lists(self) -> tuple[list[float], list[int]]:
        return self.weights.tolist(), self.starts.tolist()

    def products(self, tokens: Sequence[Sequence[int]], longest: int) -> Subwords:
        """The subwords of products, once each, the weightiest first where there are too many.

        (n, min(longest, kept)), uint16 where they all fit and int32 else.
        """
        weights, _ = self._lists
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
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise BundleError(
                f"the likeness of subwords cannot be read: {error}",
                where=path,
                hint="Export the checkpoint again, and build its indexes again.",
            ) from error
        share, floor, kept = figures
        return cls(share, floor, int(kept), weights, starts, like, met)

"""Late interaction: which subwords of products are like one of a query, and how much that counts.

A bag of subwords has one vector a subword, whatever stands around it. So what late interaction
(Khattab and Zaharia, SIGIR 2020) asks of a pair can be looked up instead of computed: how well each
subword of the query is met by the one of the product that is most like it,

    late(q, p) = Σ_i w_i · (max(floor, max_{j in p} cos(query_i, item_j)) - floor) / (1 - floor)

with the weights that pooling gives the query's subwords, Σ_i w_i = 1. It is 1 where every subword
is met in full and 0 where none is met at all: what is less alike than `floor` does not count, so
a subword has a handful of others to look for. Serving code: numpy alone.
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
NO_SUBWORD = -1  # fills the rows of products that have fewer than others

# Chosen on training queries (docs/results.md); others nearby are as good.
SHARE = 0.375
FLOOR = 0.4
_BLOCK = 8192  # products looked at at once

Subwords = NDArray[np.int32]
Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AskedSubwords:
    """A query as late interaction reads it.

    `share` is that of late interaction in a semantic score, in [0, 1]. `places` (tokens + 1,)
    uint16 numbers the subwords looked for, 0 for all others. One subword of the query has a weight
    and looks for `wanted[start:stop]` (places), which meet it by `met[start:stop]` (float32, in
    (0, 1]): these three are its part.
    """

    share: float
    places: NDArray[np.uint16]
    wanted: NDArray[np.uint16]
    met: NDArray[np.float32]
    parts: tuple[tuple[float, int, int], ...]

    @cached_property
    def best(self) -> float:
        """The most that late interaction can be."""
        return sum(w * float(self.met[start:stop].max()) for w, start, stop in self.parts)

    def late(self, products: Subwords) -> Scores:
        """Late interaction with products, (n, length) as `Likeness` numbers subwords; (n,).

        Each row is summed by itself, in the order of the query.
        """
        if len(products) > _BLOCK:
            starts = range(0, len(products), _BLOCK)
            return np.concatenate([self.late(products[at : at + _BLOCK]) for at in starts])
        sums = np.zeros(len(products))
        if not self.parts:
            return sums
        held = self.places.take(products.ravel())
        found = (held != 0).nonzero()[0]
        holds = np.zeros((len(self.wanted) + 1, len(products)), np.bool_)
        holds[held.take(found), found // products.shape[1]] = True
        met = holds.take(self.wanted, axis=0) * self.met[:, None]
        for weight, start, stop in self.parts:
            sums += weight * met[start:stop].max(axis=0).astype(np.float64)
        return sums

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
    tokens like token t are `like[starts[t]:starts[t + 1]]`, the most alike first, with `cosines` in
    (floor, 1].
    """

    share: float
    floor: float
    weights: NDArray[np.float32]
    starts: NDArray[np.int32]
    like: NDArray[np.int32]
    cosines: NDArray[np.float32]

    def asked(self, tokens: Sequence[int]) -> AskedSubwords:
        """A query's `tokens`, in order; where none of them is read, no product meets it."""
        weights, bounds = self._lists
        total = sum(weights[token] for token in tokens)
        parts: list[tuple[float, int, int]] = []
        spans: list[slice] = []
        stop = 0
        for token in tokens:
            span = slice(bounds[token], bounds[token + 1])
            if weights[token] > 0.0 and span.start < span.stop:
                start, stop = stop, stop + span.stop - span.start
                parts.append((weights[token] / total, start, stop))
                spans.append(span)
        like = np.concatenate([self.like[:0], *(self.like[span] for span in spans)])
        places = np.zeros(len(weights) + 1, np.uint16)  # the last one is NO_SUBWORD's
        places[like] = np.arange(1, len(like) + 1)  # of one that is wanted twice, any number
        met = np.concatenate([self._met[:0], *(self._met[span] for span in spans)])
        return AskedSubwords(self.share, places, places.take(like), met, tuple(parts))

    @cached_property
    def _lists(self) -> tuple[list[float], list[int]]:
        return self.weights.tolist(), self.starts.tolist()

    @cached_property
    def _met(self) -> NDArray[np.float32]:
        met: NDArray[np.float32] = (self.cosines - np.float32(self.floor)) / np.float32(
            1.0 - self.floor
        )
        return met

    def products(self, tokens: Sequence[Sequence[int]], longest: int) -> Subwords:
        """The subwords of products, (n, longest) int32: what late interaction reads, once each."""
        table = np.full((len(tokens), longest), NO_SUBWORD, np.int32)
        for row, ids in enumerate(tokens):
            kept = [token for token in dict.fromkeys(ids) if self.weights[token] > 0.0]
            table[row, : len(kept)] = kept
        return table

    def save(self, directory: Path) -> None:
        """Write `likeness.npz` into `directory`."""
        figures = np.array([self.share, self.floor])
        np.savez(
            directory / LIKENESS_FILE,
            figures=figures,
            weights=self.weights,
            starts=self.starts,
            like=self.like,
            cosines=self.cosines,
        )

    @classmethod
    def load(cls, directory: Path, tokens: int) -> Likeness:
        """Read what `save` wrote, for a vocabulary of `tokens`. Raises BundleError."""
        path = directory / LIKENESS_FILE
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                share, floor = held["figures"].tolist()
                names = ("weights", "starts", "like", "cosines")
                weights, starts, like, cosines = (held[name] for name in names)
            sizes = len(weights) >= tokens, len(starts) == len(weights) + 1
            if not all(sizes) or starts[-1] != len(like) or len(like) != len(cosines):
                raise ValueError("the sizes of its parts disagree")
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise BundleError(
                f"the likeness of subwords cannot be read: {error}",
                where=path,
                hint="Export the checkpoint again.",
            ) from error
        return cls(share, floor, weights, starts, like, cosines)

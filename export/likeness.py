"""Late interaction: which subwords of products are like one of a query, and how much that counts.

A bag of subwords has one vector a subword, whatever stands around it. So what late interaction
(Khattab and Zaharia, SIGIR 2020) asks of a pair can be looked up instead of computed: of each
subword of the query the cosine with the most alike one of the product,

    late(q, p) = Σ_i w_i · max(floor, max_{j in p} cos(query_i, item_j)),    Σ_i w_i = 1,

with the weights that pooling gives the query's subwords. What is less alike than `floor` counts as
the floor, so a subword has a handful of others to look for. Serving code: numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError

LIKENESS_FILE = "likeness.npz"
NO_SUBWORD = -1  # fills the rows of products that have fewer than others

Subwords = NDArray[np.int32]
Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AskedSubwords:
    """A query as late interaction reads it.

    `share` is that of late interaction in a semantic score, in [0, 1]. `places` (tokens + 1,)
    uint16 numbers the subwords looked for from 1, 0 for all others. What subword i of the query
    looks for stands in `wanted` (places) and `cosines` (float32) from `starts[i]` to the next
    start; `weights` (subwords,) float64. They sum to 1 with those of subwords that look for
    nothing, which count as the floor: `unlike` is what these add to every product.
    """

    share: float
    floor: float
    unlike: float
    weights: Scores
    places: NDArray[np.uint16]
    starts: NDArray[np.intp]
    wanted: NDArray[np.intp]
    cosines: NDArray[np.float32]

    def late(self, products: Subwords) -> Scores:
        """Late interaction with products, (n, length) as `Likeness` numbers subwords; (n,).

        Each row is summed by itself, in the order of the query.
        """
        sums = np.full(len(products), self.unlike)
        if not len(self.starts):
            return sums
        held = self.places.take(products.ravel())
        found = (held != 0).nonzero()[0]
        holds = np.zeros((self._distinct + 1, len(products)), np.bool_)
        holds[held.take(found), found // products.shape[1]] = True
        alike = holds.take(self.wanted, axis=0) * self.cosines[:, None]
        for weight, (start, stop) in zip(self.weights.tolist(), self._spans, strict=True):
            sums += weight * alike[start:stop].max(axis=0, initial=self.floor)
        return sums

    def mixed(self, cosines: Scores, products: Subwords) -> Scores:
        """The semantic scores of pairs: their vectors' `cosines` (n,) and late interaction."""
        scores: Scores = (1.0 - self.share) * cosines + self.share * self.late(products)
        return scores

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        return list(pairwise([*self.starts.tolist(), len(self.wanted)]))

    @cached_property
    def _distinct(self) -> int:
        return int(self.wanted.max(initial=0))


@dataclass(frozen=True, eq=False)
class Likeness:
    """Of every token of a query the tokens of products that are like it.

    `weights` (tokens,) float32 ≥ 0, 0 for what late interaction does not read (special tokens). The
    tokens like token t are `like[starts[t]:starts[t + 1]]`, with `cosines` > `floor`.
    """

    share: float
    floor: float
    weights: NDArray[np.float32]
    starts: NDArray[np.int32]
    like: NDArray[np.int32]
    cosines: NDArray[np.float32]

    def asked(self, tokens: Sequence[int]) -> AskedSubwords:
        """A query's `tokens`, in order; where none of them is read, every product is unlike."""
        weights = self.weights.take(tokens).astype(np.float64)
        weights /= max(float(weights.sum()), 1e-12)
        bounds = self._bounds
        spans = [slice(bounds[token], bounds[token + 1]) for token in tokens]
        sizes = np.array([span.stop - span.start for span in spans], np.intp)
        looking = sizes > 0
        distinct, wanted = np.unique(
            np.concatenate([self.like[:0], *(self.like[span] for span in spans)]),
            return_inverse=True,
        )
        places = np.zeros(len(self.weights) + 1, np.uint16)  # the last one is NO_SUBWORD's
        places[distinct] = np.arange(1, len(distinct) + 1)
        return AskedSubwords(
            self.share,
            self.floor,
            self.floor * (1.0 - float(weights[looking].sum())),
            weights[looking],
            places,
            (np.cumsum(sizes) - sizes)[looking],
            wanted + 1,
            np.concatenate([self.cosines[:0], *(self.cosines[span] for span in spans)]),
        )

    def products(self, tokens: Sequence[Sequence[int]], longest: int) -> Subwords:
        """The subwords of products, (n, longest) int32: what late interaction reads, once each."""
        table = np.full((len(tokens), longest), NO_SUBWORD, np.int32)
        for row, ids in enumerate(tokens):
            kept = [token for token in dict.fromkeys(ids) if self.weights[token] > 0.0]
            table[row, : len(kept)] = kept
        return table

    @cached_property
    def _bounds(self) -> list[int]:
        bounds: list[int] = self.starts.tolist()
        return bounds

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

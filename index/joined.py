"""Several indexes as one: the shards of a catalogue, or an index and what was added to it live.

Rows of the parts are numbered one part after the other. The lexical parts share their statistics
and the dense ones their kind of vectors, so a pair has the score that it has in its part, and the
best of all parts are the best of their best.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from index.dense import DenseArm, Vectors
from index.lexical import LexicalArm, Posting, Statistics
from index.parts import of_parts, starts_of
from index.ranking import best, id_ranks
from index.store import ProductStore
from index.subset import Subset
from index.words.terms import QueryTerms

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


class JoinedIds(Sequence[str]):
    """The ids of several parts, by row over all of them."""

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        self._parts = parts
        self._starts = starts_of([len(part) for part in parts])

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, row: int) -> str:  # type: ignore[override]
        part = bisect_right(self._starts, row) - 1
        return self._parts[part][row - self._starts[part]]

    def __iter__(self) -> Iterator[str]:
        for part in self._parts:
            yield from part


class JoinedStore(ProductStore):
    """The products of several stores; no id stands in two of them."""

    def __init__(
        self, parts: Sequence[ProductStore], ranks: NDArray[np.int64] | None = None
    ) -> None:
        """`ranks` order the rows of all parts as their ids; made anew when not given."""
        self._parts = parts
        self._starts = starts_of([len(part) for part in parts])
        self.ids = JoinedIds([part.ids for part in parts])
        self.ranks = id_ranks(list(self.ids)) if ranks is None else ranks

    def row(self, product_id: str) -> int | None:
        """Row of a product, None when it is not in the catalogue."""
        for part, start in zip(self._parts, self._starts, strict=False):
            row = part.row(product_id)
            if row is not None:
                return start + row
        return None

    def lines(self, rows: Rows) -> list[bytes]:
        """Products as JSON objects in UTF-8, in the order of `rows`."""
        found = [b""] * len(rows)
        for number, places in of_parts(rows, self._starts):
            lines = self._parts[number].lines(rows[places] - self._starts[number])
            for place, line in zip(places.tolist(), lines, strict=True):
                found[place] = line
        return found


class JoinedLexical(LexicalArm):
    """Postings one after the other; vocabulary and weights are those of the first part."""

    def __init__(self, parts: Sequence[LexicalArm]) -> None:
        """All parts have the same statistics."""
        self._parts = parts
        self._starts = starts_of([part.products for part in parts])
        super().__init__(self._starts[-1])

    @property
    def statistics(self) -> Statistics:
        """What all parts take from the whole catalogue."""
        return self._parts[0].statistics

    def known(self, terms: QueryTerms) -> int:
        """How many terms of the query are in the vocabulary, which is frozen in the bundle."""
        return self._parts[0].known(terms)

    def document_frequency(self, term: str) -> int:
        """Number of products of the whole catalogue that held `term` when it was indexed."""
        return self._parts[0].document_frequency(term)

    def idf(self, term: str) -> float:
        """Weight of one occurrence of `term` in a query; the largest there is for unknown ones."""
        return self._parts[0].idf(term)

    def posting(self, term: str) -> Posting | None:
        """Rows that hold `term`, ascending, and its saturation in each; None for none."""
        found = [
            (posting[0] + np.int32(start) if start else posting[0], posting[1])
            for part, start in zip(self._parts, self._starts, strict=False)
            if (posting := part.posting(term)) is not None
        ]
        if len(found) < 2:
            return found[0] if found else None
        return np.concatenate([rows for rows, _ in found]), np.concatenate([s for _, s in found])


class JoinedDense(DenseArm):
    """The nearest of several dense indexes."""

    def __init__(self, parts: Sequence[DenseArm]) -> None:
        """All parts have vectors of one length, stored in one way; the first one has settings."""
        self._parts = parts
        self._starts = starts_of([part.products for part in parts])
        self.settings = parts[0].settings

    @property
    def products(self) -> int:
        """Number of rows."""
        return self._starts[-1]

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return self._parts[0].dim

    def score(self, query: NDArray[np.float32], rows: Rows) -> Scores:
        """Cosine of the query vector with each of `rows`, (len(rows),) float64 in [-1, 1]."""
        scores = np.empty(len(rows))
        for number, places in of_parts(rows, self._starts):
            own = rows[places] - self._starts[number]
            scores[places] = self._parts[number].score(query, own)
        return scores

    def take(self, rows: Rows) -> Vectors:
        """The vectors of `rows` as they are stored, (len(rows), dim) float32."""
        vectors = np.empty((len(rows), self.dim), np.float32)
        for number, places in of_parts(rows, self._starts):
            vectors[places] = self._parts[number].take(rows[places] - self._starts[number])
        return vectors

    def way(self, count: int, among: Subset | None = None, *, exact: bool = False) -> str:
        """How `top` with these arguments finds rows, one word a way of the parts."""
        ways = [
            part.way(count, own, exact=exact)
            for part, own in zip(self._parts, self._subsets(among), strict=True)
            if own is None or len(own)
        ]
        return "+".join(dict.fromkeys(ways)) or "exact_scan"

    def looks_at_all(self, count: int, among: Subset | None = None, *, exact: bool = False) -> bool:
        """Whether `top` with these arguments scores every row (of `among`), without a proposer."""
        return all(
            part.looks_at_all(count, own, exact=exact)
            for part, own in zip(self._parts, self._subsets(among), strict=True)
        )

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
        found = []
        for number, own in enumerate(self._subsets(among)):
            start, stop = self._starts[number : number + 2]
            rows, scores = self._parts[number].top(
                query, count, ranks[start:stop], exact=exact, among=own
            )
            found.append((rows + start, scores))
        rows = np.concatenate([rows for rows, _ in found])
        return best(rows, np.concatenate([scores for _, scores in found]), ranks, count)

    def _subsets(self, among: Subset | None) -> list[Subset | None]:
        return [
            None if among is None else among.between(start, stop)
            for start, stop in pairwise(self._starts)
        ]

"""Products and postings of the rows added to an index since it was built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from index.joined import JoinedStore
from index.lexical import LexicalArm, Posting, Statistics
from index.store import ProductStore
from index.words.terms import QueryTerms

Rows = NDArray[np.int64]


class AddedStore(ProductStore):
    """Lines and ids of the rows added, in order."""

    def __init__(self, ids: Sequence[str], lines: Sequence[bytes]) -> None:
        """`lines` may go on behind the ids."""
        self.ids = ids
        self.ranks = np.empty(0, np.int64)  # of no use by itself: ids may repeat
        self._lines = lines

    def row(self, product_id: str) -> int | None:
        """None: which row of an id stands is the overlay's to know."""
        return None

    def lines(self, rows: Rows) -> list[bytes]:
        """Products as JSON objects in UTF-8, in the order of `rows`."""
        return [self._lines[row] for row in rows.tolist()]


class LiveStore(JoinedStore):
    """The products of a bundle and those added, each id at the row that stands."""

    def __init__(
        self,
        base: ProductStore,
        added: AddedStore,
        ranks: NDArray[np.int64],
        moved: Mapping[str, int | None],
    ) -> None:
        """`moved` has the row of each id that was put or deleted since the build."""
        super().__init__([base, added], ranks)
        self._base, self._moved = base, moved

    def row(self, product_id: str) -> int | None:
        """Row of a product, None when it is not in the catalogue."""
        if product_id in self._moved:
            return self._moved[product_id]
        return self._base.row(product_id)


class AddedLexical(LexicalArm):
    """Postings of the rows added, weighed by the statistics of the base."""

    def __init__(self, base: LexicalArm, postings: Mapping[str, Posting], products: int) -> None:
        super().__init__(products)
        self._base, self._postings = base, postings

    @property
    def statistics(self) -> Statistics:
        """What the base took from the whole catalogue."""
        return self._base.statistics

    def known(self, terms: QueryTerms) -> int:
        """How many terms of the query are in the vocabulary, which is frozen in the bundle."""
        return self._base.known(terms)

    def document_frequency(self, term: str) -> int:
        """Number of products of the whole catalogue that held `term` when it was indexed."""
        return self._base.document_frequency(term)

    def idf(self, term: str) -> float:
        """Weight of one occurrence of `term` in a query; the largest there is for unknown ones."""
        return self._base.idf(term)

    def posting(self, term: str) -> Posting | None:
        """Rows that hold `term`, ascending, and its saturation in each; None for none."""
        return self._postings.get(term)

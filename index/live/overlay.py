"""The rows added to an index since it was built, and which rows still stand.

An overlay is a value: `changed` gives the next one and leaves this one to whoever is reading it.
What grows, grows behind what a reader looks at: lines, ids and vectors are shared between
overlays, each of which sees as many of them as it has rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from catalog.model import Product
from index.bundle import IndexBundle
from index.dense import DenseArm, DenseIndex
from index.filtering.columns import Columns
from index.filtering.columns_build import columns_like, joined_columns
from index.joined import JoinedDense, JoinedLexical, JoinedStore
from index.lexical import LexicalArm, Posting, Statistics
from index.lexical_build import LexicalBuilder
from index.store import ProductStore, line_of, product_of
from index.subset import Subset
from index.vectors import Vectors, VectorTable, store_as
from index.words.terms import QueryTerms

Rows = NDArray[np.int64]
# Ids of one gap between two ids of the base are told apart below this.
_GAP = 1 << 32
_SMALLEST = 256  # rows that the first buffer of vectors holds


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


@dataclass(frozen=True, eq=False)
class Addition:
    """A product to be put, with its vector (dim,) float32 as the base stores vectors."""

    product: Product
    vector: Vectors


@dataclass(frozen=True, eq=False)
class Overlay:
    """One state of the catalogue over `base`. `moved`: row of each id put or deleted, or None."""

    base: IndexBundle
    order: Sequence[str]  # ids of the base, sorted
    columns: Columns
    vectors: Vectors
    alive: NDArray[np.bool_]
    ids: tuple[str, ...] = ()
    lines: list[bytes] = field(default_factory=list)
    postings: Mapping[str, Posting] = field(default_factory=dict)
    moved: Mapping[str, int | None] = field(default_factory=dict)

    @classmethod
    def over(cls, base: IndexBundle) -> Overlay:
        """No change yet."""
        alive = np.ones(len(base.store), np.bool_)
        vectors = np.empty((0, base.dense.dim), np.float32)
        return cls(base, sorted(base.store.ids), base.columns, vectors, alive)

    def row(self, product_id: str) -> int | None:
        """Row of a product as it stands, None when there is none."""
        if product_id in self.moved:
            return self.moved[product_id]
        return self.base.store.row(product_id)

    def product(self, product_id: str) -> Product | None:
        """A product as it stands."""
        row = self.row(product_id)
        if row is None:
            return None
        added = row - len(self.base.store)
        line = self.lines[added] if added >= 0 else self.base.store.line(row)
        return product_of(line)

    def vector(self, row: int) -> Vectors:
        """The vector of a row, (dim,) float32, as it is stored."""
        added = row - len(self.base.store)
        rows = self.vectors[added:] if added >= 0 else self.base.dense.take(np.array([row]))
        vector: Vectors = rows[0]
        return vector

    def changed(self, additions: Sequence[Addition], gone: Sequence[str]) -> Overlay:
        """The next state: `additions` put, each id once, and the products `gone` taken away."""
        start = len(self.base.store) + len(self.ids)
        products = [addition.product for addition in additions]
        moved = dict(self.moved)
        alive = np.concatenate([self.alive, np.ones(len(additions), np.bool_)])
        for product_id in (*gone, *(product.id for product in products)):
            row = self.row(product_id)
            if row is not None:
                alive[row] = False
        moved.update(dict.fromkeys(gone))
        for row, product in enumerate(products, start):
            moved[product.id] = row
        # Where another state went on from this one, what it added stays its own.
        branches = len(self.lines) != len(self.ids)
        lines = self.lines[: len(self.ids)] if branches else self.lines
        vectors = self._grown([addition.vector for addition in additions], anew=branches)
        lines.extend(map(line_of, products))
        return replace(
            self,
            ids=self.ids + tuple(product.id for product in products),
            lines=lines,
            vectors=vectors,
            columns=self._filled(products),
            postings=self._posted(products),
            moved=moved,
            alive=alive,
        )

    def bundle(self) -> IndexBundle:
        """The base as it stands with all changes."""
        base = self.base
        if not self.moved:
            return base
        added = AddedStore(self.ids, self.lines)
        parts: list[DenseArm] = [base.dense]
        if self.ids:
            table = VectorTable(self.vectors[: len(self.ids)])
            parts.append(DenseIndex(table, None, base.dense.settings))
        return replace(
            base,
            store=LiveStore(base.store, added, self._ranks(), self.moved),
            lexical=JoinedLexical(
                [base.lexical, AddedLexical(base.lexical, self.postings, len(self.ids))]
            ),
            dense=JoinedDense(parts),
            columns=self.columns,
            alive=Subset(self.alive),
        )

    def _ranks(self) -> NDArray[np.int64]:
        # Ids of the base keep their order, a gap apart; the others stand in between, in theirs.
        # An id that was put again stands beside its own old row, which is masked.
        added = np.empty(len(self.ids), np.int64)
        for place, at in enumerate(sorted(range(len(self.ids)), key=self.ids.__getitem__), 1):
            added[at] = bisect_left(self.order, self.ids[at]) * _GAP + place
        return np.concatenate([(self.base.store.ranks + 1) * _GAP, added])

    def _grown(self, vectors: Sequence[Vectors], *, anew: bool) -> Vectors:
        """The buffer of vectors with more behind, a longer one when it is full."""
        used, needed = len(self.ids), len(self.ids) + len(vectors)
        buffer = self.vectors
        if anew or needed > len(buffer):
            buffer = np.empty((max(_SMALLEST, 2 * needed), self.base.dense.dim), np.float32)
            buffer[:used] = self.vectors[:used]
        for row, vector in enumerate(vectors, used):
            buffer[row] = vector
        return buffer

    def _filled(self, products: Sequence[Product]) -> Columns:
        if not products:
            return self.columns
        return joined_columns([self.columns, columns_like(self.base.columns, products)])

    def _posted(self, products: Sequence[Product]) -> Mapping[str, Posting]:
        if not products:
            return self.postings
        statistics = self.base.lexical.statistics
        builder = LexicalBuilder(statistics.settings, statistics.mean_lengths, statistics.analyser)
        for product in products:
            builder.add(product)
        postings = dict(self.postings)
        first = np.int32(len(self.ids))
        for term, (rows, saturation) in builder.build().postings():
            rows = rows + first
            before = postings.get(term)
            if before is not None:
                rows = np.concatenate([before[0], rows])
                saturation = np.concatenate([before[1], saturation])
            postings[term] = rows, saturation
        return postings


def as_stored(vectors: Vectors, base: IndexBundle) -> Vectors:
    """Vectors (n, dim) float32 as they come back from the storage of `base`."""
    return store_as(vectors, base.dense.settings.vectors).take(np.arange(len(vectors)))

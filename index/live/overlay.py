"""The rows added to an index since it was built, and which rows still stand.

An overlay is a value: `changed` gives the next one and leaves this one to whoever is reading it.
What grows, grows behind what a reader looks at: lines, ids and vectors are shared between
overlays, each of which sees as many of them as it has rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from catalog.model import Product
from export.likeness import Subwords
from index.bundle import IndexBundle
from index.dense import DenseArm, DenseIndex
from index.filtering.columns import Columns
from index.filtering.columns_build import columns_like, joined_columns
from index.joined import JoinedDense, JoinedLexical
from index.late import JoinedSubwords, SubwordTable
from index.lexical import Posting
from index.lexical_build import LexicalBuilder
from index.live.added import AddedLexical, AddedStore, LiveStore
from index.store import line_of, product_of
from index.subset import Subset
from index.vectors import Vectors, VectorTable, store_as

Rows = NDArray[np.int64]
Number = TypeVar("Number", bound=np.number)
# Ids of one gap between two ids of the base are told apart below this.
_GAP = 1 << 32
_SMALLEST = 256  # rows that the first buffer of vectors holds


@dataclass(frozen=True, eq=False)
class Addition:
    """A product to be put, with its vector (dim,) float32 as the base stores vectors.

    `subwords` (length,) are what late interaction reads of it, None without it.
    """

    product: Product
    vector: Vectors
    subwords: Subwords | None = None


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
    subwords: Subwords | None = None

    @classmethod
    def over(cls, base: IndexBundle) -> Overlay:
        """No change yet."""
        alive = np.ones(len(base.store), np.bool_)
        vectors = np.empty((0, base.dense.dim), np.float32)
        subwords = None
        if base.subwords is not None:
            subwords = np.empty((0, base.subwords.length), base.subwords.dtype)
        order = sorted(base.store.ids)
        return cls(base, order, base.columns, vectors, alive, subwords=subwords)

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

    def subwords_of(self, row: int) -> Subwords | None:
        """What late interaction reads of a row, (length,); None without it."""
        if self.subwords is None or self.base.subwords is None:
            return None
        added = row - len(self.base.store)
        rows = self.subwords[added:] if added >= 0 else self.base.subwords.take(np.array([row]))
        read: Subwords = rows[0]
        return read

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
        vectors = self._grown(self.vectors, [one.vector for one in additions], anew=branches)
        subwords = None
        if self.subwords is not None:
            read = [subwords_read(one) for one in additions]
            subwords = self._grown(self.subwords, read, anew=branches)
        lines.extend(map(line_of, products))
        return replace(
            self,
            ids=self.ids + tuple(product.id for product in products),
            lines=lines,
            vectors=vectors,
            subwords=subwords,
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
        subwords = base.subwords
        if self.ids and subwords is not None and self.subwords is not None:
            subwords = JoinedSubwords([subwords, SubwordTable(self.subwords[: len(self.ids)])])
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
            subwords=subwords,
        )

    def _ranks(self) -> NDArray[np.int64]:
        # Ids of the base keep their order, a gap apart; the others stand in between, in theirs.
        # An id that was put again stands beside its own old row, which is masked.
        added = np.empty(len(self.ids), np.int64)
        for place, at in enumerate(sorted(range(len(self.ids)), key=self.ids.__getitem__), 1):
            added[at] = bisect_left(self.order, self.ids[at]) * _GAP + place
        return np.concatenate([(self.base.store.ranks + 1) * _GAP, added])

    def _grown(
        self, held: NDArray[Number], more: Sequence[NDArray[Number]], *, anew: bool
    ) -> NDArray[Number]:
        """The buffer `held` with more rows behind, a longer one when it is full."""
        used, needed = len(self.ids), len(self.ids) + len(more)
        buffer = held
        if anew or needed > len(buffer):
            buffer = np.empty((max(_SMALLEST, 2 * needed), held.shape[1]), held.dtype)
            buffer[:used] = held[:used]
        for row, added in enumerate(more, used):
            buffer[row] = added
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


def subwords_read(addition: Addition) -> Subwords:
    """What late interaction reads of it. Raises ValueError where nobody has read it."""
    if addition.subwords is None:
        raise ValueError(f"the subwords of product {addition.product.id!r} were not read")
    return addition.subwords


def as_stored(vectors: Vectors, base: IndexBundle) -> Vectors:
    """Vectors (n, dim) float32 as they come back from the storage of `base`."""
    return store_as(vectors, base.dense.settings.vectors).take(np.arange(len(vectors)))

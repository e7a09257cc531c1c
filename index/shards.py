"""Shards: one catalogue cut by a hash of the product id, each part an index of its own.

VERSION/shards/1-of-3/   store, postings, vectors, columns, calibration, manifest

A shard may be served alone. The cut comes after the words are counted: every shard keeps the
statistics of the whole catalogue, so it scores each of its pairs as the uncut index does. Opened
together they are one index, and with `exact=true` they answer as the uncut one.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogError
from index.dense import DenseArm, DenseIndex
from index.filtering.columns import Columns
from index.filtering.columns_build import joined_columns
from index.filtering.columns_file import load_columns
from index.joined import JoinedDense, JoinedLexical, JoinedStore
from index.late import SubwordRows, SubwordTable, joined_subwords
from index.lexical import LexicalArm, LexicalIndex
from index.store import FileStore, ProductStore, StoreWriter

Rows = NDArray[np.int64]

LEXICAL_DIR = "lexical"
SHARDS_DIR = "shards"


@dataclass(frozen=True)
class Arms:
    """Store, both arms, typed columns and subwords of one directory, or of several as one."""

    store: ProductStore
    lexical: LexicalArm
    dense: DenseArm
    columns: Columns
    subwords: SubwordRows | None = None

    @classmethod
    def load(cls, directory: Path) -> Arms:
        """Open the parts of one directory. Raises BundleError when one is damaged."""
        return cls(
            FileStore.load(directory),
            LexicalIndex.load(directory / LEXICAL_DIR),
            DenseIndex.load(directory),
            load_columns(directory),
            SubwordTable.load(directory),
        )

    @classmethod
    def join(cls, parts: list[Arms]) -> Arms:
        """Several as one; a single one as it is."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            JoinedStore([part.store for part in parts]),
            JoinedLexical([part.lexical for part in parts]),
            JoinedDense([part.dense for part in parts]),
            joined_columns([part.columns for part in parts]),
            joined_subwords([part.subwords for part in parts]),
        )

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Products of store, postings, vectors, columns and subwords: equal numbers."""
        arms = self.lexical.products, self.dense.products
        subwords = len(self.store) if self.subwords is None else len(self.subwords)
        return len(self.store), *arms, self.columns.products, subwords


def shard_of(product_id: str, shards: int) -> int:
    """Number of the shard, from 0, that holds a product; the same on every machine."""
    digest = blake2b(product_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards


def shard_directories(version: Path, shards: int) -> list[Path]:
    """The directories that hold the parts: the version itself when it is not cut."""
    if shards == 1:
        return [version]
    return [version / SHARDS_DIR / f"{number}-of-{shards}" for number in range(1, shards + 1)]


def shard_rows(store: ProductStore, shards: int) -> list[Rows]:
    """Rows of each shard, ascending. Raises CatalogError when a shard would hold nothing."""
    numbers = np.array([shard_of(product_id, shards) for product_id in store.ids])
    rows = [(numbers == number).nonzero()[0] for number in range(shards)]
    if not all(map(len, rows)):
        raise CatalogError(
            "a shard would hold no product",
            expected=f"enough products for {shards} shards",
            found=f"{len(store)} products",
            hint="Build with fewer --shards.",
        )
    return rows


def cut(store: ProductStore, lexical: LexicalIndex, rows: Rows, directory: Path) -> None:
    """Write products and postings of `rows` into the directory of their shard."""
    directory.mkdir(parents=True)
    with StoreWriter(directory) as writer:
        for product in store.products(rows.tolist()):
            writer.add(product)
    lexical.restricted(rows).save(directory / LEXICAL_DIR)

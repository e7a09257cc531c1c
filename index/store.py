"""The product store: one JSON line a product, found by row through an array of offsets."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from catalog.errors import BundleError
from catalog.model import Product
from index.ranking import id_ranks

PRODUCTS_FILE = "products.jsonl"
OFFSETS_FILE = "product_offsets.npy"
IDS_FILE = "product_ids.json"


def line_of(product: Product) -> bytes:
    """A product as the JSON object that a store keeps."""
    return orjson.dumps(asdict(product) | {"attributes": dict(product.attributes)})


def product_of(line: bytes) -> Product:
    """The product that `line_of` wrote."""
    fields = orjson.loads(line)
    return Product(**(fields | {"category": tuple(fields["category"])}))


class StoreWriter:
    """Writes products as they come, inside a `with`; rows follow the order of calls."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stream = (directory / PRODUCTS_FILE).open("wb")
        self._offsets = [0]
        self._row: dict[str, int] = {}

    def add(self, product: Product) -> bool:
        """Append a product; False, and nothing written, when its id is there already."""
        if product.id in self._row:
            return False
        self._row[product.id] = len(self._row)
        self._offsets.append(self._offsets[-1] + self._stream.write(line_of(product) + b"\n"))
        return True

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_rest: object) -> None:
        self._stream.close()
        if failed is not None:
            return
        np.save(self._directory / OFFSETS_FILE, np.array(self._offsets, np.int64))
        (self._directory / IDS_FILE).write_bytes(orjson.dumps(list(self._row)))


class ProductStore(ABC):
    """Products by row and rows by id.

    `ids` by row, `ranks` (rows,) int64 that order rows as their ids are ordered.
    """

    ids: Sequence[str]
    ranks: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @abstractmethod
    def row(self, product_id: str) -> int | None:
        """Row of a product, None when it is not in the catalogue."""

    @abstractmethod
    def lines(self, rows: NDArray[np.int64]) -> list[bytes]:
        """Products as JSON objects in UTF-8, in the order of `rows`."""

    def line(self, row: int) -> bytes:
        """The product as a JSON object in UTF-8."""
        return self.lines(np.array([row]))[0]

    def fetch(self, row: int) -> dict[str, Any]:
        """The fields of a product as JSON values, named as in `Product`."""
        fields: dict[str, Any] = orjson.loads(self.line(row))
        return fields

    def products(self, rows: Iterable[int] | None = None) -> Iterator[Product]:
        """Products of the given rows, or of all, in order."""
        for row in range(len(self)) if rows is None else rows:
            yield product_of(self.line(row))


class FileStore(ProductStore):
    """The products of one file, which is mapped, not read."""

    def __init__(
        self, ids: list[str], offsets: NDArray[np.int64], lines: mmap.mmap | bytes
    ) -> None:
        self.ids = ids
        self.ranks = id_ranks(ids)
        self._row = {product_id: row for row, product_id in enumerate(ids)}
        self._offsets, self._lines = offsets, lines

    def row(self, product_id: str) -> int | None:
        """Row of a product, None when it is not in the catalogue."""
        return self._row.get(product_id)

    def lines(self, rows: NDArray[np.int64]) -> list[bytes]:
        """Products as JSON objects in UTF-8, in the order of `rows`."""
        starts, ends = self._offsets.take(rows).tolist(), self._offsets.take(rows + 1).tolist()
        return [self._lines[start : end - 1] for start, end in zip(starts, ends, strict=True)]

    @classmethod
    def load(cls, directory: Path) -> FileStore:
        """Map what `StoreWriter` wrote. Raises BundleError when it cannot be read."""
        try:
            ids = orjson.loads((directory / IDS_FILE).read_bytes())
            offsets = np.asarray(np.load(directory / OFFSETS_FILE, mmap_mode="r"))
            path = directory / PRODUCTS_FILE
            if len(offsets) != len(ids) + 1 or offsets[-1] != path.stat().st_size:
                raise ValueError("the sizes of its files disagree")
            if not ids:
                return cls([], offsets, b"")
            with path.open("rb") as stream:
                return cls(ids, offsets, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError, TypeError, EOFError) as error:
            raise BundleError(
                f"the product store cannot be read: {error}",
                where=directory,
                hint="Build the index again.",
            ) from error

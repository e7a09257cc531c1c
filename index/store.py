"""The product store: one JSON line a product, found by row through an array of offsets."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
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
        fields = asdict(product) | {"attributes": dict(product.attributes)}
        self._offsets.append(self._offsets[-1] + self._stream.write(orjson.dumps(fields) + b"\n"))
        return True

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_rest: object) -> None:
        self._stream.close()
        if failed is not None:
            return
        np.save(self._directory / OFFSETS_FILE, np.array(self._offsets, np.int64))
        (self._directory / IDS_FILE).write_bytes(orjson.dumps(list(self._row)))


class ProductStore:
    """Products by row and rows by id; the file is mapped, not read."""

    def __init__(
        self, ids: list[str], offsets: NDArray[np.int64], lines: mmap.mmap | bytes
    ) -> None:
        self.ids = ids
        self.ranks = id_ranks(ids)
        self._row = {product_id: row for row, product_id in enumerate(ids)}
        self._offsets, self._lines = offsets, lines

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, product_id: str) -> int | None:
        """Row of a product, None when it is not in the catalogue."""
        return self._row.get(product_id)

    def fetch(self, row: int) -> dict[str, Any]:
        """The fields of a product as JSON values, named as in `Product`."""
        fields: dict[str, Any] = orjson.loads(self.line(row))
        return fields

    def fetch_many(self, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
        """The fields of several products, in the order of `rows`."""
        starts, ends = self._offsets.take(rows).tolist(), self._offsets.take(rows + 1).tolist()
        lines = [self._lines[start : end - 1] for start, end in zip(starts, ends, strict=True)]
        products: list[dict[str, Any]] = orjson.loads(b"[%b]" % b",".join(lines))
        return products

    def line(self, row: int) -> bytes:
        """The product as a JSON object in UTF-8."""
        return self._lines[int(self._offsets[row]) : int(self._offsets[row + 1]) - 1]

    def products(self, rows: Iterable[int] | None = None) -> Iterator[Product]:
        """Products of the given rows, or of all, in order."""
        for row in range(len(self)) if rows is None else rows:
            fields = self.fetch(row)
            yield Product(**(fields | {"category": tuple(fields["category"])}))

    @classmethod
    def load(cls, directory: Path) -> ProductStore:
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

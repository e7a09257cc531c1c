"""Queries that something else made for products, a language model say, read from a file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from catalog.errors import CatalogError
from catalog.files import check_readable
from catalog.issues import Issues, Reporter
from catalog.model import Product
from catalog.records import Columns, read_records
from catalog.text import normalise
from catalog.values import FieldError, text

_HINT = "A file of generated queries names its columns: product_id, query."


class FileQueries:
    """The queries that a file has for a product, in the file's order; none where it has none."""

    def __init__(self, of: dict[str, list[str]]) -> None:
        self._of = of

    @classmethod
    def read(
        cls,
        path: Path,
        *,
        known_products: Collection[str] | None = None,
        strict: bool = False,
        issues: Issues | None = None,
    ) -> FileQueries:
        """Read rows of `product_id, query`: JSONL, TSV, CSV or Parquet, a row for every query.

        Kinds of issues: `broken line`, `empty query`, `unknown product` (not in `known_products`).
        With `strict` the first issue raises.

        Raises:
            CatalogError: the file cannot be read, lacks a column or holds no query; when strict
                also the first issue.

        """
        report = Reporter(path, CatalogError, Issues() if issues is None else issues, strict)
        check_readable(report)
        before = report.issues.so_far()
        columns = Columns((("product_id",), ("query",)), frozenset({"product_id", "query"}), _HINT)
        of: dict[str, list[str]] = {}
        for line, record in read_records(report, columns):
            try:
                product, query = text(record.get("product_id")), text(record.get("query"))
            except FieldError as error:
                report.skip("broken line", line, str(error))
                continue
            if not product or not normalise(query):
                report.skip("empty query", line, "the query or the product id is empty")
                continue
            if known_products is not None and product not in known_products:
                report.skip("unknown product", line, f"no product {product!r} in the catalogue")
                continue
            report.issues.kept += 1
            of.setdefault(product, []).append(query)
        report.refuse_if_nothing("query", before, _HINT)
        return cls(of)

    def queries(self, product: Product) -> list[str]:
        """The product's queries, as they stand in the file."""
        return self._of.get(product.id, [])

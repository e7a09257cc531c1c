"""Pairs that want a grade: queries with candidate product ids, from a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from catalog.errors import CatalogError
from catalog.files import check_readable
from catalog.issues import Issues, Reporter
from catalog.records import Columns, read_records
from catalog.text import normalise
from catalog.values import FieldError, text

_HINT = "A candidate file names its columns: query, product_id."


def read_candidates(
    source: Path, position: Mapping[str, int], *, strict: bool = False, issues: Issues
) -> Iterator[tuple[str, str]]:
    """Stream distinct (query, product id) of a TSV, CSV, JSONL or Parquet file.

    Other columns, such as a rank or a score, are passed over. Kinds of issues: `broken line`,
    `empty query`, `unknown product` (not in `position`); a repeated pair is none.

    Raises:
        CatalogError: the file cannot be read, lacks a column or gives no pair; when strict also
            the first issue.

    """
    report = Reporter(source, CatalogError, issues, strict)
    check_readable(report)
    before = issues.so_far()
    columns = Columns((("query",), ("product_id",)), frozenset({"query", "product_id"}), _HINT)
    seen: set[tuple[str, str]] = set()
    for line, record in read_records(report, columns):
        try:
            query, product = text(record.get("query")), text(record.get("product_id"))
        except FieldError as error:
            report.skip("broken line", line, str(error))
            continue
        if not normalise(query):
            report.skip("empty query", line, "the query is empty")
        elif product not in position:
            report.skip("unknown product", line, f"no product {product!r} in the catalogue")
        elif (normalise(query), product) not in seen:
            seen.add((normalise(query), product))
            issues.kept += 1
            yield query, product
    report.refuse_if_nothing("pair", before, _HINT)

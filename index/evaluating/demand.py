"""How often queries are typed and of what kind they are, from a file that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from catalog.errors import CatalogError
from catalog.files import check_readable
from catalog.issues import Issues, Reporter
from catalog.records import Columns, read_records
from catalog.text import normalise
from catalog.values import FieldError, number, text

_HINT = "A query file names its columns: query, and frequency, kind or both."


@dataclass(frozen=True)
class Demand:
    """By normalised query. A query that the file does not name has frequency 0 and no kind."""

    frequency: Mapping[str, float] = field(default_factory=dict)
    kind: Mapping[str, str] = field(default_factory=dict)


def read_demand(source: Path, issues: Issues | None = None) -> Demand:
    """Read `query` with `frequency` (0 or more), `kind` or both from TSV, CSV, JSONL or Parquet.

    Of a query that stands there twice the first row counts. Kinds of issues: `broken line`,
    `empty query`, `bad frequency`.

    Raises:
        CatalogError: the file cannot be read, lacks the columns or gives no query.

    """
    report = Reporter(source, CatalogError, Issues() if issues is None else issues)
    check_readable(report)
    before = report.issues.so_far()
    used = frozenset({"query", "frequency", "kind"})
    columns = Columns((("query",), ("frequency", "kind")), used, _HINT)
    frequency: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for line, record in read_records(report, columns):
        try:
            query, kind = normalise(text(record.get("query"))), text(record.get("kind"))
        except FieldError as error:
            report.skip("broken line", line, str(error))
            continue
        if not query:
            report.skip("empty query", line, "the query is empty")
            continue
        try:
            often = number(record.get("frequency"))
        except FieldError as error:
            report.flaw("bad frequency", line, f"frequency: {error}; left out")
            often = None
        report.issues.kept += 1
        if often is not None:
            frequency.setdefault(query, often)
        if kind:
            kinds.setdefault(query, kind)
    report.refuse_if_nothing("query", before, _HINT)
    return Demand(frequency, kinds)

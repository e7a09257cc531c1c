"""Query files to (query, weight)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from catalog.errors import CatalogError
from catalog.files import MAX_LINE, check_readable, numbered_lines, suffix_of
from catalog.issues import Issues, Reporter
from catalog.records import Columns, Record, read_records
from catalog.text import normalise
from catalog.values import FieldError, number, text

_HINT = "A query file is .txt with one query a line, or names its columns: query, frequency."


def read_queries(
    source: str | Path, *, strict: bool = False, issues: Issues | None = None
) -> Iterator[tuple[str, float]]:
    """Stream (query, weight): lines of a `.txt` with weight 1, or rows of `query[, frequency]`.

    Blank lines of a `.txt` are passed over. Kinds of issues: `broken line`, `empty query`,
    `bad frequency` (the query comes out with weight 1). With `strict` the first issue raises.

    Raises:
        CatalogError: the file cannot be read at all, lacks a needed column or gives no query;
            when strict also the first issue. A bad path raises at once, the rest while iterating.

    """
    report = Reporter(Path(source), CatalogError, Issues() if issues is None else issues, strict)
    check_readable(report)
    return _queries(report)


def _queries(report: Reporter) -> Iterator[tuple[str, float]]:
    before = report.issues.so_far()
    columns = Columns((("query",),), frozenset({"query", "frequency"}), _HINT)
    plain = suffix_of(report.path) == ".txt"
    records = _plain_lines(report) if plain else read_records(report, columns)
    for line, record in records:
        try:
            query = text(record.get("query"))
        except FieldError as error:
            report.skip("broken line", line, f"query: {error}")
            continue
        if not normalise(query):
            report.skip("empty query", line, "the query is empty")
            continue
        weight = _weight(record, line, report)
        report.issues.kept += 1
        yield query, weight
    report.refuse_if_nothing("query", before, _HINT)


def _weight(record: Record, line: int, report: Reporter) -> float:
    try:
        weight = number(record.get("frequency"))
    except FieldError as error:
        report.flaw("bad frequency", line, f"frequency: {error}; taken as 1")
        return 1.0
    return 1.0 if weight is None else weight


def _plain_lines(report: Reporter) -> Iterator[tuple[int, Record]]:
    for place, line in numbered_lines(report):
        if line is None:
            report.skip("broken line", place, f"the line is longer than {MAX_LINE:,} bytes")
            continue
        try:
            query = line.decode("utf-8").strip()
        except UnicodeDecodeError:
            report.skip("broken line", place, "not UTF-8")
            continue
        if query:
            yield place, {"query": query}

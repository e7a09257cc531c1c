"""CSV and TSV with a header line; fields holding a quote, separator or line end are quoted."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from catalog.files import MAX_LINE, numbered_lines
from catalog.issues import Reporter

Record = dict[str, Any]


def read_delimited(
    report: Reporter, delimiter: str, check_columns: Callable[[Sequence[str]], None]
) -> Iterator[tuple[int, Record]]:
    """Yield (line number where the record starts, fields by column); report broken records.

    An empty `delimiter` means: whichever of tab, comma and semicolon the header holds most of, for
    `.csv` files are tab-separated as often as not. `check_columns` sees the header and raises when
    a needed column is missing.
    """
    feed = _Feed(report)
    header_line = feed.first_line()
    delimiter = delimiter or max("\t,;", key=header_line.count)
    # strict: a quote that is never closed is reported instead of swallowing the rest of the file.
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    header = _header(reader, feed, report)
    check_columns(header)
    while True:
        feed.begin_record()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            report.skip("broken line", feed.start, _explain(error, feed))
            continue
        problem = feed.damage or _misfit(row, header)
        if problem:
            report.skip("broken line", feed.start, problem)
        elif row:
            yield feed.start, dict(zip(header, row, strict=True))


class _Feed:
    """Decoded lines for `csv.reader`, with the line where the record began and what ails it."""

    def __init__(self, report: Reporter) -> None:
        self._lines = numbered_lines(report)
        self._report = report
        self._held: str | None = None
        self.number = 0
        self.start = 1
        self.damage = ""

    def first_line(self) -> str:
        """The first line that is not blank, kept for the reader as well."""
        for line in self:
            if line.strip():
                self._held = line
                return line
        self._report.refuse("the file holds blank lines only")

    def begin_record(self) -> None:
        self.start = self.number + 1
        self.damage = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._held is not None:
            line, self._held = self._held, None
            return line
        self.number, raw = next(self._lines)
        if raw is None:
            self.damage = f"a line is longer than {MAX_LINE:,} bytes"
            return "\n"
        if b"\0" in raw:
            self.damage = "the line holds NUL bytes"
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            self.damage = f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}"
            return raw.decode("utf-8", "replace")


def _header(reader: Iterator[list[str]], feed: _Feed, report: Reporter) -> list[str]:
    try:
        header = [name.strip() for name in next(reader)]
    except csv.Error as error:
        report.refuse(f"the header line cannot be read: {error}", line=feed.number)
    if feed.damage:
        report.refuse(f"the header line cannot be read: {feed.damage}", line=feed.number)
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        report.refuse(f"the header names column {twice[0]!r} twice", line=feed.number)
    return header


def _misfit(row: list[str], header: list[str]) -> str:
    if not row or len(row) == len(header):
        return ""
    return f"{len(row)} fields where the header names {len(header)}"


def _explain(error: csv.Error, feed: _Feed) -> str:
    text = f"not CSV: {error}"
    if feed.number > feed.start:
        text += f"; lines {feed.start} to {feed.number} are lost, a quote may not be closed"
    return text

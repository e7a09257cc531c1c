"""Bytes from disk: plain or gzip, line by line, numbered, never more than one line in memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from catalog.issues import Reporter

MAX_LINE = 16 * 2**20  # bytes; a longer line is no product but a file without line ends
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_GZIP = b"\x1f\x8b"


def suffix_of(path: Path) -> str:
    """The suffix that says the format, in lower case, with `.gz` passed over; empty without one."""
    bare = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return bare.suffix.lower()


def check_readable(report: Reporter) -> None:
    """Raise the reporter's error unless its path is a file with something in it."""
    path = report.path
    if path.is_dir():
        report.refuse("this is a directory", expected="a file", hint="Name a file inside it.")
    if not path.exists():
        report.refuse("there is no such file", hint="Check the path.")
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        report.refuse(f"the file cannot be opened: {error.strerror}")
    if empty:
        report.refuse("the file is empty")


def numbered_lines(report: Reporter) -> Iterator[tuple[int, bytes | None]]:
    """Yield (line number from 1, its bytes with the line end); `None` for a line over MAX_LINE.

    A byte order mark is dropped. Raises the reporter's error when the file cannot be read on
    (damaged gzip, disk error) or is UTF-16.
    """
    number = 0
    try:
        with _open(report.path) as stream:
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                if number == 1:
                    line = _without_bom(line, report)
                if len(line) > MAX_LINE:
                    _skip_rest(stream, line)
                    yield number, None
                else:
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        report.refuse(
            f"the file cannot be read further: {error}",
            line=number + 1,
            hint="It is damaged or cut short; fetch or write it again.",
        )


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        compressed = stream.read(2) == _GZIP
    return cast(BinaryIO, gzip.open(path, "rb")) if compressed else path.open("rb")


def _without_bom(line: bytes, report: Reporter) -> bytes:
    if line.startswith(_UTF16_BOMS):
        report.refuse(
            "the file is UTF-16",
            expected="UTF-8",
            hint="Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW.",
        )
    return line.removeprefix(_UTF8_BOM)


def _skip_rest(stream: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(MAX_LINE)

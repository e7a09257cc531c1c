"""The lines of a journal of live updates: written, checked, read without a lock."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from catalog.errors import BundleError

_CRC = b',"crc":"%08x"}\n'
_CRC_LENGTH = len(_CRC % 0)
_SEAL_BYTES = 2048  # more than the line that seals a journal takes

Entry = dict[str, Any]


def stamp(when: datetime) -> str:
    """A time as journals write it: stamps sort as their times do."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_journal(path: Path) -> tuple[str, list[Entry]]:
    """The version that a journal belongs to and its entries, without a lock; "" of an unbegun one.

    Raises BundleError when it is damaged.
    """
    data = path.read_bytes()
    header = header_of(data)
    if header is None:
        if b"\n" in data:
            raise damaged(path, 1)
        return "", []
    entries, _ = entries_of(data[data.index(b"\n") + 1 :], path)
    return str(header["index"]), entries


def is_sealed(path: Path) -> bool:
    """Whether a journal takes no more updates, by its last line alone."""
    with path.open("rb") as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - _SEAL_BYTES))
        last = stream.read().rstrip(b"\n").rpartition(b"\n")[2] + b"\n"
    entry = parsed(last)
    return entry is not None and bool(entry.get("sealed"))


def line_of(entry: Mapping[str, Any]) -> bytes:
    """An entry as its line, with the line end."""
    body = orjson.dumps(entry)[:-1]
    return body + _CRC % zlib.crc32(body)


def parsed(line: bytes) -> Entry | None:
    """The entry of one line with its line end; None when it does not check."""
    body = line[:-_CRC_LENGTH]
    if line[-_CRC_LENGTH:] != _CRC % zlib.crc32(body):
        return None
    entry: Entry = orjson.loads(line)
    return entry


def header_of(data: bytes) -> Entry | None:
    """The first line of a journal, None when it is none or was never finished."""
    end = data.find(b"\n") + 1
    entry = parsed(data[:end]) if end else None
    return entry if entry is not None and "journal" in entry else None


def entries_of(data: bytes, path: Path) -> tuple[list[Entry], int]:
    """Good entries from the beginning of `data`, and how many bytes they take."""
    entries: list[Entry] = []
    lines = data.splitlines(keepends=True)
    used = 0
    for number, line in enumerate(lines):
        entry = parsed(line)
        if entry is None:
            if any(parsed(later) is not None for later in lines[number + 1 :]):
                raise damaged(path, number + 1)
            break
        entries.append(entry)
        used += len(line)
    return entries, used


def damaged(path: Path, line: int) -> BundleError:
    """The error of a journal with a bad line before good ones."""
    return BundleError(
        "the journal of live updates is damaged",
        where=path,
        found=f"a line that does not check, {line} lines behind the last good reading",
        hint="Restore it from a copy, or move it away and send the updates again.",
    )

r"""The journal of live updates: one JSON object a line, synced before an update is acknowledged.

    {"journal":1,"index":"2026-11-20T02-00-00Z-3f9c","crc":"…"}
    {"seq":1,"at":"2026-11-20T09:14:02.113Z","put":{"id":…},"vector":"…","encoder":"…","crc":"…"}
    {"seq":2,"at":"…","delete":"sku-7","crc":"…"}
    {"seq":3,"at":"…","put":{…},"patch":[{"price":4.5}],"vector":"…","encoder":"…","crc":"…"}
    {"seq":4,"at":"…","sealed":"2026-11-21T02-00-00Z-91aa","crc":"…"}

An entry that came of changes in part holds them (`patch`) beside the product they led to: on
another version of the index the changes count, not the product (`index.live.handover`, which marks
what it brings along as `carried` and notes in `taken` how far it has read other journals).

`crc` is the CRC-32 of the line up to it. Several processes may follow one journal; who writes holds
a lock on it and has read all that was written before. A writer killed in the middle leaves a last
line that does not check: it was never acknowledged, and the next writer cuts it off. Such a line
with good ones behind it is damage, and refused. A sealed journal takes no more updates: another
version of the index has taken them over. `"sealed":""` opens it again: that version is back.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalog.errors import BundleError, NotReady, ServingError
from index.live.lines import Entry, damaged, entries_of, header_of, line_of, stamp

FORMAT = 1


class Journal:
    """One open journal file. A process has one; calls of `append` come from one thread."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Use `open`."""
        self.path = path
        self.sequence = 0
        self.sealed = ""
        self.taken: dict[str, int] = {}  # version → last entry of its journal that was taken in
        self._at = ""
        self._file = descriptor
        self._offset = 0  # behind the last line that was read

    @classmethod
    def open(cls, path: Path, index: str) -> Journal:
        """Open the journal of the index version `index`, or begin one; `read` gives its entries.

        Raises BundleError when it is damaged or belongs to another index, ServingError when it
        cannot be opened.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not os.access(path, os.W_OK):  # another machine writes it
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            else:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ServingError(
                f"the journal of live updates cannot be opened: {error.strerror}",
                where=path,
                hint="Let the service write there, or serve an index that takes no updates.",
            ) from error
        journal = cls(path, descriptor)
        try:
            with journal._locked():
                journal._begin(index)
        except BaseException:
            os.close(descriptor)
            raise
        return journal

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    @property
    def changed(self) -> bool:
        """Whether anything was written that was not read here. One system call."""
        return os.fstat(self._file).st_size > self._offset

    def read(self) -> list[Entry]:
        """Entries written since the last call, in order. Raises BundleError when damaged."""
        data = self._rest()
        entries, used = entries_of(data, self.path)
        self._offset += used
        return self._noted(entries)

    @contextmanager
    def owning(self) -> Iterator[list[Entry]]:
        """As `writing`, sealed or not: for who hands updates over."""
        with self._locked():
            entries = self.read()
            if self._rest():
                with self._said():
                    os.ftruncate(self._file, self._offset)
            yield entries

    @contextmanager
    def writing(self) -> Iterator[list[Entry]]:
        """Hold the lock of writers; yields what others wrote before.

        Cuts off what a killed writer left. Raises NotReady when the journal is sealed.
        """
        with self.owning() as entries:
            if self.sealed:
                raise NotReady(
                    "a newer version of the index has taken over",
                    where=self.path,
                    expected=self.sealed,
                    hint="Open that version and update it.",
                )
            yield entries

    def append(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Write entries and sync them; within `writing`. All are on disk when this returns.

        Raises ServingError, and leaves the journal as it was, when they cannot be written.
        """
        at = max(stamp(datetime.now(UTC)), self._at)  # a clock that is set back changes no order
        entries = [
            {"seq": self.sequence + number, "at": at, **body}
            for number, body in enumerate(bodies, 1)
        ]
        self._write(b"".join(map(line_of, entries)))
        self._noted(entries)

    def _noted(self, entries: list[Entry]) -> list[Entry]:
        for entry in entries:
            self.sequence = int(entry["seq"])
            self.sealed = str(entry.get("sealed", self.sealed))
            self.taken.update(entry.get("taken", {}))
            self._at = max(self._at, str(entry["at"]))
        return entries

    def _begin(self, index: str) -> None:
        data = self._rest()
        header = header_of(data)
        if header is None:
            if b"\n" in data:
                raise damaged(self.path, 1)
            # Nothing, or a first line that was never finished.
            os.ftruncate(self._file, 0)
            self._write(line_of({"journal": FORMAT, "index": index}))
            _sync_directory(self.path.parent)
            return
        if header["index"] != index or header["journal"] != FORMAT:
            raise BundleError(
                "this journal belongs to another index",
                where=self.path,
                expected=f"index {index}, format {FORMAT}",
                found=f"index {header['index']}, format {header['journal']}",
                hint="Move it away, or open the index that it belongs to.",
            )
        self._offset = data.index(b"\n") + 1

    def _rest(self) -> bytes:
        if os.fstat(self._file).st_size < self._offset:
            raise BundleError(
                "the journal of live updates was cut while it was open",
                where=self.path,
                hint="Start again; what another process failed to write was never acknowledged.",
            )
        parts, at = [], self._offset
        while part := os.pread(self._file, 1 << 20, at):
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def _write(self, data: bytes) -> None:
        with self._said():
            try:
                done = 0
                while done < len(data):
                    done += os.pwrite(self._file, data[done:], self._offset + done)
                os.fsync(self._file)
            except OSError:
                if done:
                    os.ftruncate(self._file, self._offset)
                raise
        self._offset += len(data)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ServingError(
                f"the journal cannot be written: {error.strerror}",
                where=self.path,
                hint="Nothing was changed. Make room on the disk and send the updates again.",
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Searches and events as UBI files: appended by a thread, bounded, never in a search's way.

A worker writes two files, of searches and of events, and begins new ones each day (UTC) and at a
size. What was taken on is written within a twentieth of a second and synced each `sync_seconds`.
While the disk refuses, it is kept and tried again, and what no longer fits is refused: nothing that
was accepted is dropped.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Literal

from service import logs, metrics

Kind = Literal["queries", "events"]
KINDS: tuple[Kind, ...] = ("queries", "events")
_WRITE_SECONDS = 0.05
_RETRY_SECONDS = 1.0


@dataclass
class _File:
    """The file of one kind that is being written; for the writing thread."""

    directory: Path
    kind: Kind
    most_bytes: int
    descriptor: int = -1
    day: str = ""
    size: int = 0
    dirty: bool = False

    def write(self, lines: Sequence[bytes]) -> None:
        """Append whole lines. Raises OSError, with none of them in the file."""
        data, now = b"".join(lines), datetime.now(UTC)
        if self.descriptor < 0 or self.day != f"{now:%Y%m%d}" or self._full(len(data)):
            self._begin(now)
        before = self.size
        try:
            while data:
                written = os.write(self.descriptor, data)
                self.size += written
                data = data[written:]
        except OSError:
            os.ftruncate(self.descriptor, before)
            self.size = before
            raise
        self.dirty = True

    def sync(self) -> None:
        """Bring what was written to the disk."""
        if self.dirty:
            os.fsync(self.descriptor)
            self.dirty = False

    def close(self) -> None:
        """End the file."""
        if self.descriptor >= 0:
            self.sync()
            os.close(self.descriptor)
            self.descriptor = -1

    def _full(self, more: int) -> bool:
        return self.size > 0 and self.size + more > self.most_bytes

    def _begin(self, now: datetime) -> None:
        self.close()
        self.directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        for number in range(1, 1_000_000):
            name = f"{self.kind}-{now:%Y%m%dT%H%M%SZ}-{os.getpid()}-{number:03}.jsonl"
            try:
                self.descriptor = os.open(self.directory / name, flags, 0o640)
            except FileExistsError:
                continue
            break
        self.day, self.size = f"{now:%Y%m%d}", 0


def probe(directory: Path) -> None:
    """Raises OSError when nothing can be written to a directory, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    tried = directory / f".probe-{os.getpid()}"
    tried.write_bytes(b"")
    tried.unlink()


@dataclass
class EventLog:
    """Takes records from the event loop and writes them in a thread of its own.

    `most_waiting` records may wait to be written; `put` refuses more.
    """

    directory: Path
    file_bytes: int
    most_waiting: int
    sync_seconds: float
    failing: bool = False  # the disk refuses
    _waiting: dict[Kind, deque[bytes]] = field(default_factory=lambda: {k: deque() for k in KINDS})
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Records taken on and not written yet."""
        return sum(map(len, self._waiting.values()))

    def put(self, kind: Kind, records: Sequence[bytes]) -> bool:
        """Take records on, lines without their ends: all of them, or none when there is no room."""
        if self.waiting + len(records) > self.most_waiting:
            metrics.EVENTS_REFUSED.labels(kind).inc(len(records))
            return False
        self._waiting[kind].extend(records)
        return True

    def close(self) -> None:
        """Write and sync what waits, then end; gives up on a disk that refuses."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _work(self) -> None:
        files = [_File(self.directory, kind, self.file_bytes) for kind in KINDS]
        synced, ended = monotonic(), False
        while not ended:
            ended = self._ending.wait(_RETRY_SECONDS if self.failing else _WRITE_SECONDS)
            try:
                for file in files:
                    self._write(file)
                if ended or monotonic() - synced >= self.sync_seconds:
                    for file in files:
                        file.sync()
                    synced = monotonic()
                self.failing = False
            except OSError as error:
                self._failed(error)
        for file in files:
            if file.descriptor >= 0:
                os.close(file.descriptor)

    def _write(self, file: _File) -> None:
        waiting = self._waiting[file.kind]
        if count := len(waiting):
            # They stay in the queue until they are in the file.
            file.write([waiting[place] + b"\n" for place in range(count)])
            for _ in range(count):
                waiting.popleft()
            metrics.EVENTS_WRITTEN.labels(file.kind).inc(count)

    def _failed(self, error: OSError) -> None:
        if not self.failing:
            fields = {"error": str(error), "waiting": self.waiting}
            logs.service.error("events cannot be written", extra={"fields": fields})
        self.failing = True

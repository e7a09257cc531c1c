"""Progress on stderr: a bar on a terminal, a plain line now and then in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TextIO

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(
    label: str, total: int | None, unit: str, stream: TextIO | None = None
) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the number of units done since its last call.

    `total` is None when the end is not known. A line is also written at the end.
    """
    stream = stream or sys.stderr
    if stream.isatty():
        with tqdm(total=total, desc=label, unit=f" {unit}", file=stream) as bar:
            yield lambda done: _advance(bar, done)
        return
    lines = _Lines(label, total, unit, stream)
    yield lines.advance
    lines.finish()


def _advance(bar: tqdm, done: int) -> None:
    bar.update(done)


class _Lines:
    def __init__(self, label: str, total: int | None, unit: str, stream: TextIO) -> None:
        self._label, self._total, self._unit, self._stream = label, total, unit, stream
        self._done = 0
        self._start = self._last = monotonic()

    def advance(self, done: int) -> None:
        self._done += done
        if monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = monotonic()
            self._write("")

    def finish(self) -> None:
        self._write(f" in {monotonic() - self._start:.1f} s")

    def _write(self, end: str) -> None:
        of = f" of {self._total:,}" if self._total else ""
        self._stream.write(f"{self._label}: {self._done:,}{of} {self._unit}{end}\n")
        self._stream.flush()

"""Answers that were paid for, on disk: one JSON line each, appended, so that a kill loses none."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from catalog.errors import TrainingError


def answer_key(model: str, guideline: str, query: str, text: str) -> str:
    """Sha256 of everything that an answer depends on, 64 hexadecimal digits."""
    parts = json.dumps([model, guideline, query, text], ensure_ascii=False)
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


_STARTS = b'{"key": "'  # as every line does


class AnswerCache:
    """Key → grade in a JSONL file, open for one process at a time; use it in a `with`.

    A line is written in one piece as soon as its answer is known. A last line that a kill tore is
    cut off on opening; anything else that cannot be read ends the run, for it is not ours.

    Raises:
        TrainingError: the file is in use, cannot be opened, or is no such cache.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._grades: dict[str, int] = {}
        self._file = -1

    def __enter__(self) -> AnswerCache:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise TrainingError(
                f"the cache cannot be opened: {error.strerror}", where=self.path
            ) from error
        try:
            self._lock()
            self._read()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)
        self._file = -1

    def __len__(self) -> int:
        return len(self._grades)

    def get(self, key: str) -> int | None:
        """The grade noted for `key`, None when there is none."""
        return self._grades.get(key)

    def put(self, key: str, grade: int, **about: str) -> None:
        """Note a grade at once; `about` is for people who read the file."""
        line = json.dumps({"key": key, "grade": grade, **about}, ensure_ascii=False) + "\n"
        left = line.encode("utf-8", "surrogatepass")
        while left:  # all of it in one call, unless the disk is full
            left = left[os.write(self._file, left) :]
        self._grades[key] = grade

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                "the cache is in use by another run",
                where=self.path,
                hint="Wait for it, or give this run a cache of its own.",
            ) from None

    def _read(self) -> None:
        *lines, rest = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                entry: dict[str, Any] = json.loads(line)
                key, grade = entry["key"], entry["grade"]
            except (ValueError, KeyError, TypeError) as error:
                raise self._damaged(number) from error
            if not isinstance(key, str) or type(grade) is not int or grade not in (0, 1, 2):
                raise self._damaged(number)
            self._grades[key] = grade
        if rest:
            if not _STARTS.startswith(rest[: len(_STARTS)]):  # not torn: never a line of ours
                raise self._damaged(len(lines) + 1)
            os.ftruncate(self._file, os.fstat(self._file).st_size - len(rest))

    def _damaged(self, line: int) -> TrainingError:
        return TrainingError(
            "this is no cache of a judge",
            where=f"{self.path}:{line}",
            expected='{"key": …, "grade": 0, 1 or 2} in every line',
            hint="Give another path, or remove the line.",
        )

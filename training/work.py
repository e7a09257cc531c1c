"""The work directory of a run under way: its own checkpoints, held by one run at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import TrainingError
from training.recipe import Recipe

_LOCK = "lock"


def work_path(out: Path, recipe: Recipe, inputs: dict[str, str]) -> Path:
    """Where a run of `recipe` on `inputs` keeps its checkpoints until `out` is written.

    A directory in `.NAME.work` beside `out`, named by a hash of both: the same run finds what a
    killed one left.
    """
    key = json.dumps([recipe.record(), inputs], sort_keys=True)
    return _root(out) / hashlib.sha256(key.encode()).hexdigest()[:12]


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Keep other runs from `.NAME.work` beside `out`; it is removed again if nothing is left in it.

    The lock is the process's: a killed one leaves its work, but no lock.

    Raises:
        TrainingError: another run is writing to `out`.

    """
    root = _root(out)
    descriptor = _lock(root, out)
    try:
        yield
    finally:
        if [path.name for path in root.iterdir()] == [_LOCK]:
            shutil.rmtree(root)
        os.close(descriptor)


def refuse_held(out: Path) -> None:
    """Say before the first file is read, minutes earlier than `held`, that another run is here.

    Raises:
        TrainingError: another run is writing to `out`.

    """
    if (_root(out) / _LOCK).exists():
        with held(out):
            pass


def prepare(work: Path) -> None:
    """Make a run's directory; what another recipe or other inputs left beside it is removed."""
    for other in work.parent.iterdir():
        if other.is_dir() and other != work:
            shutil.rmtree(other)
    work.mkdir(exist_ok=True)


def _root(out: Path) -> Path:
    return out.parent / f".{out.name}.work"


def _lock(root: Path, out: Path) -> int:
    """The descriptor of the lock file, open and locked."""
    path = root / _LOCK
    while True:
        root.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            continue  # a run that ended has removed the directory just now
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise TrainingError(
                "another training run is writing here",
                where=out,
                hint="Wait for it, stop it, or choose another --out.",
            ) from error
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)  # a run that ended took away the file that we had opened


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False

"""Directories written whole or not at all.

Writing goes to a temporary sibling that is fsynced and renamed, so a reader never sees half an
artefact, and a killed writer leaves nothing but a hidden directory that the next writer clears.
Only an artefact or an empty directory is ever replaced: a mistyped path costs nobody their files.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import BundleError

MANIFEST = "manifest.json"


@contextmanager
def writing(out: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `out`; on success fsync it and rename it to `out`.

    An artefact already at `out` is replaced. On an exception nothing at `out` changes and the
    temporary directory is removed. The caller ends with `write_manifest`.

    Raises:
        BundleError: `out` is a file, or a directory with something in it that is no artefact.

    """
    out = out.absolute()
    _refuse_to_replace(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    clear_abandoned(out.parent, out.name)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
    temporary.chmod(0o755)
    lock = os.open(temporary, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield temporary
        sync_tree(temporary)
        replace_directory(temporary, out)
    finally:
        os.close(lock)
        shutil.rmtree(temporary, ignore_errors=True)


def replace_directory(source: Path, target: Path) -> None:
    """Rename `source` to `target`, moving an artefact there out of the way first.

    Raises:
        BundleError: what is at `target` is neither an artefact nor an empty directory.

    """
    _refuse_to_replace(target)
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
        os.rename(target, old / "old")
        try:
            os.rename(source, target)
        except OSError:
            os.rename(old / "old", target)
            raise
        finally:
            shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(source, target)
    _sync(target.parent)


def _refuse_to_replace(target: Path) -> None:
    if not target.exists() or (target / MANIFEST).is_file():
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    raise BundleError(
        "something else is here and will not be replaced",
        where=target,
        expected="a new path, an empty directory or an artefact",
        found="a directory without manifest.json" if target.is_dir() else "a file",
        hint="Choose another output path, or move it away.",
    )


def clear_abandoned(parent: Path, name: str | None = None) -> None:
    """Remove what killed writers in `parent` left, of the artefact `name` or of all.

    A living writer holds the lock on its directory.
    """
    for left in parent.glob(f".{glob.escape(name) if name else '*'}.*.tmp"):
        try:
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def sync_tree(directory: Path) -> None:
    """Fsync every file and directory below `directory`, so that the rename is the commit."""
    for path in directory.rglob("*"):
        _sync(path)
    _sync(directory)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

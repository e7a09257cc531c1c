"""Directories written whole or not at all.

Writing goes to a temporary sibling that is fsynced and renamed, so a reader never sees half an
artefact, and a killed writer leaves nothing but a hidden directory that the next writer clears.
Only an artefact of the same kind or an empty directory is ever replaced: a mistyped path costs
nobody their files.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import BundleError

MANIFEST = "manifest.json"


@contextmanager
def writing(out: Path, kind: str) -> Iterator[Path]:
    """Yield a temporary sibling of `out`; on success fsync it and rename it to `out`.

    An artefact of this `kind` already at `out` is replaced. On an exception nothing at `out`
    changes and the temporary directory is removed. The caller ends with `write_manifest`.

    Raises:
        BundleError: `out` is a file, or a directory with something else in it.

    """
    out = out.absolute()
    _refuse_to_replace(out, kind)
    out.parent.mkdir(parents=True, exist_ok=True)
    clear_abandoned(out.parent, out.name)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
    temporary.chmod(0o755)
    lock = os.open(temporary, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield temporary
        sync_tree(temporary)
        replace_directory(temporary, out, kind)
    finally:
        os.close(lock)
        shutil.rmtree(temporary, ignore_errors=True)


def replace_directory(source: Path, target: Path, kind: str) -> None:
    """Rename `source` to `target`, moving an artefact of the same kind there out of the way first.

    Raises:
        BundleError: what is at `target` is neither such an artefact nor an empty directory.

    """
    _refuse_to_replace(target, kind)
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


def _refuse_to_replace(target: Path, kind: str) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    found = _kind_of(target / MANIFEST) if target.is_dir() else "a file"
    if found == kind:
        return
    raise BundleError(
        "something else is here and will not be replaced",
        where=target,
        expected=f"a new path, an empty directory or an artefact of kind {kind}",
        found=found,
        hint="Choose another output path, or move it away.",
    )


def _kind_of(manifest: Path) -> str:
    try:
        return str(json.loads(manifest.read_bytes())["kind"])
    except FileNotFoundError:
        return f"a directory without {MANIFEST}"
    except (OSError, ValueError, TypeError, KeyError):
        return f"a {MANIFEST} that names no kind"


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

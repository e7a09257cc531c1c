"""The files that a build reads: their hashes, and when they were as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from catalog.artefact import hash_file
from catalog.errors import CatalogError


def snapshot(as_of: str | None, products: Iterable[Path]) -> datetime:
    """When the products were as the files have them: as given, else the oldest file's time.

    Raises CatalogError when `as_of` is no time, or a file cannot be read.
    """
    if as_of is None:
        return datetime.fromtimestamp(min(map(_changed, products)), UTC)
    try:
        when = datetime.fromisoformat(as_of)
    except ValueError:
        raise CatalogError(
            "this is no time",
            where="--as-of",
            expected="ISO 8601, such as 2026-11-20T02:00:00Z",
            found=as_of,
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def hash_of(path: Path) -> str:
    """Sha256 of a file. Raises CatalogError when it cannot be read."""
    with _readable(path):
        return hash_file(path)


def _changed(path: Path) -> float:
    with _readable(path):
        return path.stat().st_mtime


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CatalogError(
            f"the file cannot be read: {error.strerror}", where=path, hint="Check the path."
        ) from error

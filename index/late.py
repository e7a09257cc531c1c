"""The subwords of products as late interaction reads them (`export.likeness`), row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from export.likeness import Subwords
from index.parts import of_parts, starts_of

Rows = NDArray[np.int64]

SUBWORDS_FILE = "subwords.npy"


class SubwordRows(Protocol):
    """Subwords of rows, wherever they are kept."""

    def __len__(self) -> int: ...

    @property
    def length(self) -> int:
        """How many subwords a row has room for."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of their numbers."""
        ...

    def take(self, rows: Rows) -> Subwords:
        """The subwords of `rows`, (len(rows), length), filled up (`Likeness.no_subword`)."""


class SubwordTable(SubwordRows):
    """One array of them, (n, length) uint16 or int32, in memory or mapped into it."""

    def __init__(self, stored: Subwords) -> None:
        self._stored = stored

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def length(self) -> int:
        """How many subwords a row has room for."""
        return int(self._stored.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of their numbers."""
        return self._stored.dtype

    def take(self, rows: Rows) -> Subwords:
        """The subwords of `rows`, (len(rows), length), filled up (`Likeness.no_subword`)."""
        taken: Subwords = self._stored.take(rows, axis=0)
        return taken

    def save(self, directory: Path) -> None:
        """Write them into `directory`."""
        np.save(directory / SUBWORDS_FILE, self._stored)

    @classmethod
    def load(cls, directory: Path) -> SubwordTable | None:
        """Map what `save` wrote, None where there is nothing. Raises BundleError."""
        path = directory / SUBWORDS_FILE
        if not path.exists():
            return None
        try:
            stored = np.asarray(np.load(path, mmap_mode="r"))
            if stored.ndim != 2 or stored.dtype not in (np.uint16, np.int32):
                raise ValueError(f"{stored.dtype} of shape {stored.shape}")
        except (OSError, ValueError, EOFError) as error:
            raise BundleError(
                f"the subwords of products cannot be read: {error}",
                where=path,
                hint="Build the index again.",
            ) from error
        return cls(stored)


class JoinedSubwords(SubwordRows):
    """The subwords of several parts."""

    def __init__(self, parts: Sequence[SubwordRows]) -> None:
        """All parts were read by one encoder."""
        self._parts = parts
        self._starts = starts_of([len(part) for part in parts])

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def length(self) -> int:
        """How many subwords a row has room for."""
        return self._parts[0].length

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of their numbers."""
        return self._parts[0].dtype

    def take(self, rows: Rows) -> Subwords:
        """The subwords of `rows`, (len(rows), length), filled up (`Likeness.no_subword`)."""
        found = np.empty((len(rows), self.length), self.dtype)
        for number, places in of_parts(rows, self._starts):
            found[places] = self._parts[number].take(rows[places] - self._starts[number])
        return found


def joined_subwords(parts: Sequence[SubwordRows | None]) -> SubwordRows | None:
    """Those of all parts; None where no part has any. Raises BundleError when only some do."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    if len(known) < len(parts):
        raise BundleError(
            "only some parts of the index have the subwords of their products",
            expected=f"{len(parts)}",
            found=f"{len(known)}",
            hint="Build the index again.",
        )
    kinds = {f"{part.length} of {part.dtype}" for part in known}
    if len(kinds) > 1:
        raise BundleError(
            "the parts of the index have the subwords of their products in different forms",
            expected="one encoder's",
            found=" and ".join(sorted(kinds)),
            hint="Build the index again.",
        )
    return JoinedSubwords(known)

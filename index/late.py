"""The subwords of products as late interaction reads them (`export.likeness`), row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from export.likeness import Subwords

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

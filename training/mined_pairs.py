"""Mined pairs with where they come from: in memory by column, on disk as one Parquet file."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.errors import TrainingError

NO_GRADE = -1
KINDS = ("none", "hard_positive", "hard_negative")
COLUMNS = ("query", "product_id", "rank", "cosine", "grade", "judge", "round", "kind")
_NUMBERS = ("rank", "cosine", "grade", "round")
Texts = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class MinedPairs:
    """Retrieved pairs, one a row; every column is (pairs,).

    `query`, `judge` and `kind` (one of `KINDS`) are texts; `product` int64 positions in the
    catalogue; `rank` int32 from 1; `cosine` float32 in [-1, 1]; `grade` int8, -1 where the judge
    could not tell; `round` int32 from 1. No query and product twice.
    """

    query: Texts
    product: NDArray[np.int64]
    rank: NDArray[np.int32]
    cosine: NDArray[np.float32]
    grade: NDArray[np.int8]
    judge: Texts
    round: NDArray[np.int32]
    kind: Texts

    def __len__(self) -> int:
        return len(self.query)

    def count(self, kind: str) -> int:
        """How many pairs are of a kind."""
        return int((self.kind == kind).sum())

    def judged(self) -> dict[str, set[int]]:
        """The products of each query that a judge has graded: query → product positions."""
        found: dict[str, set[int]] = {}
        for row in np.flatnonzero(self.grade != NO_GRADE):
            found.setdefault(self.query[row], set()).add(int(self.product[row]))
        return found

    def hard(self) -> dict[str, dict[int, int]]:
        """The hard pairs: query → product position → grade."""
        found: dict[str, dict[int, int]] = {}
        for row in np.flatnonzero(self.kind != "none"):
            grades = found.setdefault(self.query[row], {})
            grades[int(self.product[row])] = int(self.grade[row])
        return found

    def union(self, later: MinedPairs) -> MinedPairs:
        """These and the pairs of a later round, none twice.

        Of a pair that both rounds found, the later finding stays, unless only the earlier one was
        hard and the later has no other grade: what was hard once is not forgotten.
        """
        both = {
            part.name: np.concatenate([getattr(self, part.name), getattr(later, part.name)])
            for part in fields(self)
        }
        places: dict[tuple[str, int], int] = {}
        for row, pair in enumerate(zip(both["query"], both["product"].tolist(), strict=True)):
            held = places.get(pair)
            if held is None or _replaces(both, row, held):
                places[pair] = row
        kept = np.array(sorted(places.values()), np.int64)
        return MinedPairs(**{name: column[kept] for name, column in both.items()})


def _replaces(pairs: Mapping[str, NDArray[Any]], row: int, held: int) -> bool:
    if pairs["kind"][held] == "none" or pairs["kind"][row] != "none":
        return True
    return pairs["grade"][row] not in (NO_GRADE, pairs["grade"][held])


def write_mined(path: Path, pairs: MinedPairs, ids: Sequence[str]) -> None:
    """Write the pairs to a Parquet file, whole or not at all; a file at `path` is replaced.

    Columns as in `COLUMNS`: texts, int32 `rank` and `round`, float32 `cosine`, int8 `grade`, null
    where there is none. `ids` are the product ids by position.

    Raises:
        TrainingError: pyarrow is not installed.

    """
    arrow, parquet = _pyarrow()
    columns = {
        **{name: getattr(pairs, name) for name in COLUMNS if name != "product_id"},
        "product_id": [ids[row] for row in pairs.product],
        "grade": arrow.array(pairs.grade, mask=pairs.grade == NO_GRADE),
    }
    table = arrow.table(columns, schema=_schema(arrow))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            parquet.write_table(table, stream, compression="zstd")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_mined(path: Path, positions: Mapping[str, int]) -> MinedPairs:
    """Read what `write_mined` wrote; `positions` are those of the catalogue's product ids.

    Raises:
        TrainingError: pyarrow is not installed; the file cannot be read, is not of this form, or
            names a product that the catalogue does not have.

    """
    arrow, parquet = _pyarrow()
    try:
        # The open file, not its path: pyarrow would take a directory for a data set.
        with path.open("rb") as stream:
            table = parquet.read_table(stream).select(COLUMNS).cast(_schema(arrow))
        _check(table)
        columns = {name: table[name].fill_null(NO_GRADE).to_numpy() for name in _NUMBERS}
        columns |= {name: _shared(table[name].to_numpy()) for name in ("query", "judge", "kind")}
        ids = table["product_id"].to_numpy()
        return MinedPairs(product=_positions(ids, positions, path), **columns)
    except (arrow.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise TrainingError(
            f"the mined pairs cannot be read: {error}",
            where=path,
            expected=f"Parquet with the columns {', '.join(COLUMNS)}",
            hint="Mine again, or give the file that mining wrote.",
        ) from error


def _schema(arrow: Any) -> Any:
    whole, text = arrow.int32(), arrow.string()
    types = (text, text, whole, arrow.float32(), arrow.int8(), text, whole, text)
    return arrow.schema(list(zip(COLUMNS, types, strict=True)))


def _check(table: Any) -> None:
    empty = [name for name in COLUMNS if name != "grade" and table[name].null_count]
    if empty:
        raise ValueError(f"values are missing in {', '.join(empty)}")
    other = sorted(set(table["kind"].unique().to_pylist()) - set(KINDS))
    if other:
        raise ValueError(f"{other[0]!r} is no kind of pair")


def _shared(texts: Texts) -> Texts:
    """The same texts, each distinct one held once."""
    return np.array([sys.intern(text) for text in texts], object)


def _positions(ids: Texts, positions: Mapping[str, int], path: Path) -> NDArray[np.int64]:
    unknown = dict.fromkeys(one for one in ids if one not in positions)
    if unknown:
        raise TrainingError(
            f"{len(unknown)} mined products are not in the catalogue",
            where=path,
            found=", ".join(repr(one) for one in list(unknown)[:3]),
            hint="Give the product files that the pairs were mined from.",
        )
    return np.array([positions[one] for one in ids], np.int64)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise TrainingError(
            "mined pairs are kept as Parquet, which needs pyarrow, and it is not installed",
            hint='Install it: pip install -e ".[train]".',
        ) from error
    return pyarrow, parquet

"""Typed columns on disk: a JSON file that names them, arrays with the columns one after another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson

from catalog.errors import BundleError, MissingFile
from index.filtering.columns import Column, Columns

COLUMNS_DIR = "columns"
_ABOUT, _ROWS, _CODES, _NUMBERS = "columns.json", "rows.npy", "codes.npy", "numbers.npy"


def save_columns(columns: Columns, directory: Path) -> None:
    """Write `directory`/columns."""
    target = directory / COLUMNS_DIR
    target.mkdir(parents=True, exist_ok=True)
    every = list(columns)
    about: list[dict[str, Any]] = [
        {"name": c.name, "kind": c.kind, "pairs": len(c.rows), "labels": c.labels, "keys": c.keys}
        for c in every
    ]
    codes = [c.values for c in every if c.kind == "keyword"]
    numbers = [c.values for c in every if c.kind != "keyword"]
    body = {"products": columns.products, "columns": about}
    (target / _ABOUT).write_bytes(orjson.dumps(body) + b"\n")
    np.save(target / _ROWS, np.concatenate([np.empty(0, np.int32), *(c.rows for c in every)]))
    np.save(target / _CODES, np.concatenate([np.empty(0, np.int32), *codes]))
    np.save(target / _NUMBERS, np.concatenate([np.empty(0, np.float64), *numbers]))


def load_columns(directory: Path) -> Columns:
    """Map what `save_columns` wrote.

    Raises MissingFile for an index from before there were columns, BundleError for a damaged one.
    """
    source = directory / COLUMNS_DIR
    if not source.is_dir():
        raise MissingFile(
            "this index has no typed columns: an older Gradus built it",
            where=directory,
            expected=f"a directory {COLUMNS_DIR}",
            hint="Build the index again.",
        )
    try:
        about = orjson.loads((source / _ABOUT).read_bytes())
        rows, codes, numbers = (
            np.asarray(np.load(source / name, mmap_mode="r")) for name in (_ROWS, _CODES, _NUMBERS)
        )
        products = int(about["products"])
        found, at = [], {"rows": 0, "codes": 0, "numbers": 0}
        for entry in about["columns"]:
            part = "codes" if entry["kind"] == "keyword" else "numbers"
            pairs = entry["pairs"]
            values = (codes if part == "codes" else numbers)[at[part] : at[part] + pairs]
            found.append(
                Column(
                    entry["name"],
                    entry["kind"],
                    products,
                    rows[at["rows"] : at["rows"] + pairs],
                    values,
                    tuple(entry["labels"]),
                    tuple(entry["keys"]),
                )
            )
            at["rows"] += pairs
            at[part] += pairs
        if at != {"rows": len(rows), "codes": len(codes), "numbers": len(numbers)}:
            raise ValueError("the sizes of its files disagree")
        return Columns(products, found)
    except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
        raise BundleError(
            f"the typed columns cannot be read: {error}",
            where=source,
            hint="Build the index again.",
        ) from error

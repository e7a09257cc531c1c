"""Per-query figures as a file: tab-separated, or JSON where the name ends so."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from catalog.errors import GradusError
from index.calibration import MODES, Mode
from index.evaluating.figures import FIGURES, Figures

_BETWEEN = "; "
_HEAD = ("query", "mode", "judged_pairs")
_HINT = "Give a file that `gradus evaluate --per-query FILE` wrote."
Row = Mapping[str, Any]


def write_figures(path: Path, figures: Figures) -> None:
    """Write a row a query and mode: `query, mode, judged_pairs`, the figures, `slices`.

    In TSV an undefined value is empty and slices are parted by `; `; in JSON, an array of objects,
    they are null and an array.
    """
    rows = list(_rows(figures))
    if path.suffix.lower() == ".json":
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow((*_HEAD, *FIGURES, "slices"))
        for row in rows:
            values = ("" if row[name] is None else row[name] for name in FIGURES)
            writer.writerow((*(row[name] for name in _HEAD), *values, _BETWEEN.join(row["slices"])))


def read_figures(path: Path) -> Figures:
    """Read what `write_figures` wrote.

    Raises:
        GradusError: there is no such file, or it is not such a table, whole and undamaged.

    """
    if not path.is_file():
        raise GradusError("there is no such file of per-query figures", where=path, hint=_HINT)
    try:
        rows = _json_rows(path) if path.suffix.lower() == ".json" else _tsv_rows(path)
        return _figures(rows)
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        what = f"column {error} is missing" if isinstance(error, KeyError) else str(error)
        raise GradusError(
            f"this is no table of per-query figures: {what}", where=path, hint=_HINT
        ) from error


def _rows(figures: Figures) -> Iterator[dict[str, Any]]:
    for place, query in enumerate(figures.queries):
        for mode in MODES:
            values = {name: float(figures.values[mode][name][place]) for name in FIGURES}
            yield {
                "query": query,
                "mode": mode,
                "judged_pairs": figures.judged[place],
                **{name: None if math.isnan(one) else one for name, one in values.items()},
                "slices": list(figures.slices[place]),
            }


def _json_rows(path: Path) -> list[Row]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it is not an array of objects")
    return rows


def _tsv_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        rows: list[Row] = []
        for row in csv.DictReader(stream, delimiter="\t", strict=True):
            parted = [name for name in (row["slices"] or "").split(_BETWEEN) if name]
            rows.append({**row, "slices": parted})
        return rows


def _figures(rows: list[Row]) -> Figures:
    queries = tuple(dict.fromkeys(str(row["query"]) for row in rows))
    by_key: dict[tuple[str, str], Row] = {(str(row["query"]), row["mode"]): row for row in rows}
    expected = [(query, mode) for query in queries for mode in MODES]
    if not queries or len(rows) != len(expected) or set(by_key) != set(expected):
        raise ValueError(f"it does not hold one row for each query in {', '.join(MODES)}")
    values = {
        mode: {name: _column(by_key, queries, mode, name) for name in FIGURES} for mode in MODES
    }
    first = [by_key[query, MODES[0]] for query in queries]
    return Figures(
        queries,
        tuple(int(row["judged_pairs"]) for row in first),
        values,
        tuple(tuple(row["slices"]) for row in first),
    )


def _column(
    rows: Mapping[tuple[str, str], Row], queries: tuple[str, ...], mode: Mode, name: str
) -> np.ndarray[Any, np.dtype[np.float64]]:
    found = [rows[query, mode][name] for query in queries]
    return np.array([math.nan if one in (None, "") else float(one) for one in found], np.float64)

"""Records out of any file we read, chosen by the file's suffix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.delimited import read_delimited
from catalog.files import suffix_of
from catalog.issues import Reporter
from catalog.jsonl import read_jsonl
from catalog.parquet import read_parquet

Record = dict[str, Any]
Alternatives = tuple[str, ...]

_JSON = (".jsonl", ".ndjson", ".json")
_DELIMITED = (".tsv", ".csv", ".tab", ".txt")
_PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Columns:
    """What a reader looks for: of each group in `needed` at least one; `used` is all it reads."""

    needed: tuple[Alternatives, ...]
    used: frozenset[str]
    hint: str = ""

    def check(self, found: Sequence[str], report: Reporter) -> None:
        """Raise the reporter's error when no column of a needed group is among `found`."""
        for group in self.needed:
            if not any(name in found for name in group):
                shown = ", ".join(name or "(no name)" for name in found[:20])
                report.refuse(
                    f"a needed column is missing: {' or '.join(group)}",
                    found=f"columns {shown}",
                    hint=self.hint,
                )


def read_records(
    report: Reporter, columns: Columns, *, delimiter: str = ""
) -> Iterator[tuple[int, Record]]:
    """Yield (line or row number from 1, values by column name) of a JSONL, CSV/TSV or Parquet file.

    The suffix decides (`.gz` behind it is passed over): .jsonl .ndjson .json, .tsv .csv .tab .txt,
    .parquet .pq.
    """
    suffix = suffix_of(report.path)
    if suffix in _JSON:
        return read_jsonl(report)
    if suffix in _DELIMITED:
        return read_delimited(report, delimiter, lambda found: columns.check(found, report))
    if suffix in _PARQUET:
        return read_parquet(report, columns.used, lambda found: columns.check(found, report))
    report.refuse(
        "the suffix says no format we read",
        expected=" ".join((*_JSON, *_DELIMITED, *_PARQUET)) + ", each also with .gz",
        found=suffix or "no suffix",
        hint="Rename the file.",
    )

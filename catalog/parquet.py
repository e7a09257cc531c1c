"""Parquet, read in batches through pyarrow (extra `parquet`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from catalog.issues import Reporter

Record = dict[str, Any]
BATCH = 1024  # rows in memory at a time


def read_parquet(
    report: Reporter, used: Collection[str], check_columns: Callable[[Sequence[str]], None]
) -> Iterator[tuple[int, Record]]:
    """Yield (row number from 1, values by column) of the columns in `used`."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise report.error(
            "reading Parquet needs pyarrow, which is not installed",
            where=report.path,
            hint='Install it: pip install -e ".[parquet]".',
        ) from error
    number = 0
    try:
        with parquet.ParquetFile(report.path) as file:
            names = file.schema_arrow.names
            check_columns(names)
            columns = [name for name in names if name in used]
            for batch in file.iter_batches(batch_size=BATCH, columns=columns):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
    except (pyarrow.ArrowException, OSError) as error:
        report.refuse(
            f"the Parquet file cannot be read: {error}",
            line=number + 1 if number else 0,
            hint="It is damaged, cut short or not Parquet.",
        )

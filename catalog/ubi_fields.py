"""Fields of UBI documents: nested or flattened, of any schema 1.0.0 to 1.3.0 (see catalog.ubi)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from catalog.issues import Reporter
from catalog.records import Record
from catalog.values import FieldError, number, text, whole

# The schema's name, then those of older documents of the OpenSearch plugin.
HIT_IDS = ("query_response_hit_ids", "query_response_object_ids", "query_response_objects_ids")
OFFSET = "query_attributes.offset"
OBJECT_ID = "event_attributes.object.object_id"
ORDINAL = "event_attributes.position.ordinal"
ORDINAL_INDEX = f"{ORDINAL}.index"  # so in UBI 1.0.0
DWELL_TIME = "event_attributes.dwell_time"


def unwrapped(document: Record) -> Record | None:
    """The document within an exported one; None for the line before it in a bulk file."""
    if isinstance(inner := document.get("_source"), dict):
        return inner
    if len(document) == 1 and isinstance(document.get("index", document.get("create")), dict):
        return None
    return document


def at(record: Record, path: str) -> Any:
    """The value at a dotted path, whether nested or a column of that name; None without one."""
    if path in record:
        return record[path]
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def hits(record: Record, line: int, report: Reporter) -> tuple[str, ...]:
    """Ids of the products returned, best first; reports `bad hits`."""
    found = next((record[name] for name in HIT_IDS if record.get(name)), ())
    try:
        if isinstance(found, str):  # of a table: a JSON array, or ids with commas between them
            listed = found.lstrip().startswith("[")
            found = orjson.loads(found) if listed else found.split(",")
        if not isinstance(found, Sequence):
            raise FieldError("a list of ids is expected")
        ids = tuple(map(text, found))
        if not all(ids):  # to leave it out would move what stands below it
            raise FieldError("an id is empty")
        return ids
    except ValueError as error:  # of which FieldError is one
        report.flaw("bad hits", line, f"{HIT_IDS[0]}: {error}")
        return ()


def position(record: Record, line: int, report: Reporter) -> int | None:
    """The place in the list, from 1; reports `bad position`."""
    ordinal = at(record, ORDINAL_INDEX)
    try:
        place = whole(at(record, ORDINAL) if ordinal is None else ordinal)
        if place == 0:
            raise FieldError("positions count from 1, not 0")
    except FieldError as error:
        report.flaw("bad position", line, f"{ORDINAL}: {error}")
        return None
    return place


def skipped(record: Record, line: int, report: Reporter) -> int:
    """How many products the pages before showed; reports `bad offset`."""
    try:
        return whole(at(record, OFFSET)) or 0
    except FieldError as error:
        report.flaw("bad offset", line, f"{OFFSET}: {error}")
        return 0


def dwell_time(record: Record, line: int, report: Reporter) -> float | None:
    """Seconds spent with the product; reports `bad dwell time`."""
    try:
        return number(at(record, DWELL_TIME))
    except FieldError as error:
        report.flaw("bad dwell time", line, f"{DWELL_TIME}: {error}")
        return None


def timestamp(record: Record, line: int, report: Reporter) -> datetime | None:
    """ISO 8601 (UTC without an offset) or milliseconds since 1970; reports `bad timestamp`."""
    try:
        when = _time(record.get("timestamp"))
    except (ValueError, OverflowError, OSError) as error:
        report.flaw("bad timestamp", line, f"timestamp: {error}")
        return None
    return when.replace(tzinfo=UTC) if when is not None and when.tzinfo is None else when


def _time(value: Any) -> datetime | None:
    if isinstance(value, datetime):  # of Parquet
        return value
    if isinstance(value, str) and not value.strip().isdigit():
        return datetime.fromisoformat(value.strip()) if value.strip() else None
    milliseconds = number(value)
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)

"""Behaviour logs with the fields of User Behavior Insights (UBI): searches and what followed.

The names are those of the UBI schemas 1.0.0 to 1.3.0 (https://github.com/o19s/ubi) and of the
indexes `ubi_queries` and `ubi_events` of OpenSearch. UBI has no field for how long somebody stayed:
`event_attributes.dwell_time`, in seconds, is ours; the schema allows further attributes there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from catalog.errors import CatalogError
from catalog.files import check_readable
from catalog.issues import Issues, Reporter
from catalog.records import Columns, read_records
from catalog.text import normalise
from catalog.ubi_fields import (
    DWELL_TIME,
    HIT_IDS,
    OBJECT_ID,
    OFFSET,
    ORDINAL,
    ORDINAL_INDEX,
    at,
    dwell_time,
    hits,
    position,
    skipped,
    timestamp,
    unwrapped,
)
from catalog.values import FieldError, text


class Action(StrEnum):
    """What a shopper did with a product; the values are UBI's `action_name`s, `dwell` is ours."""

    IMPRESSION = "impression"
    CLICK = "click"
    DWELL = "dwell"
    CART = "add_to_cart"
    ORDER = "purchase"


# `view` and `watch` are of the schema, too, but may mean a showing as well as a visit: left out.
_ACTIONS: Mapping[str, Action] = {
    **{action.value: action for action in Action},
    "click_through": Action.CLICK,
    "order": Action.ORDER,
}
_QUERY_COLUMNS = Columns(
    (("query_id",), ("user_query",)),
    frozenset({"query_id", "user_query", "client_id", "timestamp", *HIT_IDS})
    | {"query_attributes", OFFSET},
    "A file of searches has the fields of ubi_queries.",
)
_EVENT_COLUMNS = Columns(
    (("action_name",), ("query_id",), (OBJECT_ID, "event_attributes")),
    frozenset({"action_name", "query_id", "client_id", "session_id", "timestamp"})
    | {"event_attributes", OBJECT_ID, ORDINAL, ORDINAL_INDEX, DWELL_TIME},
    "A file of events has the fields of ubi_events.",
)


@dataclass(frozen=True, slots=True)
class LoggedQuery:
    """One search. `hits` are the ids of the products returned, best first; empty if not logged.

    `offset` is how many products the pages before showed: the first hit stands at `offset` + 1.
    """

    query_id: str
    query: str
    hits: tuple[str, ...] = ()
    client_id: str = ""
    timestamp: datetime | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One thing done with one product. `position` counts from 1, `dwell_time` is in seconds."""

    action: Action
    query_id: str
    product_id: str
    position: int | None = None
    dwell_time: float | None = None
    client_id: str = ""
    session_id: str = ""
    timestamp: datetime | None = None


def read_logged_queries(
    source: str | Path, *, strict: bool = False, issues: Issues | None = None
) -> Iterator[LoggedQuery]:
    """Stream the searches of a JSONL, CSV/TSV or Parquet file (`.gz` too).

    JSONL may hold documents as they are, exported ones (within `_source`) or those of a bulk file;
    tables name nested fields with dots. Records with an `action_name` are events and left out, so a
    file may hold both. Kinds of issues: `broken line`, `empty id` (no `query_id`), `empty query`,
    and, with the search coming out without it, `bad hits`, `bad offset` and `bad timestamp`. With
    `strict` the first issue raises.

    Raises:
        CatalogError: the file cannot be read at all, lacks a needed column or gives no search; when
            strict also the first issue, with `where` = `file:line`. A bad path raises at once,
            everything else while iterating.

    """
    report = Reporter(Path(source), CatalogError, Issues() if issues is None else issues, strict)
    check_readable(report)
    return _queries(report)


def read_logged_events(
    source: str | Path, *, strict: bool = False, issues: Issues | None = None
) -> Iterator[LoggedEvent]:
    """Stream the events of a file, as `read_logged_queries` does its searches.

    Left out, being no fault: records without an `action_name`, actions other than those of `Action`
    (`click_through` is a click, `order` a purchase), and events that name no `query_id`. Kinds of
    issues: `broken line`, `empty id` (no object id), and, with the event coming out without it,
    `bad position`, `bad dwell time` and `bad timestamp`.

    Raises:
        CatalogError: as `read_logged_queries`.

    """
    report = Reporter(Path(source), CatalogError, Issues() if issues is None else issues, strict)
    check_readable(report)
    return _events(report)


def _queries(report: Reporter) -> Iterator[LoggedQuery]:
    before = report.issues.so_far()
    for line, document in read_records(report, _QUERY_COLUMNS):
        record = unwrapped(document)
        if record is None or record.get("action_name"):
            report.issues.left_out += 1
            continue
        try:
            query_id, query = text(record.get("query_id")), text(record.get("user_query"))
            client_id = text(record.get("client_id"))
        except FieldError as error:
            report.skip("broken line", line, str(error))
            continue
        if not query_id:
            report.skip("empty id", line, "query_id is empty")
            continue
        if not normalise(query):
            report.skip("empty query", line, "user_query is empty")
            continue
        shown, when = hits(record, line, report), timestamp(record, line, report)
        report.issues.kept += 1
        offset = skipped(record, line, report)
        yield LoggedQuery(query_id, query, shown, client_id, when, offset)
    report.refuse_if_nothing("search", before, _QUERY_COLUMNS.hint)


def _events(report: Reporter) -> Iterator[LoggedEvent]:
    before = report.issues.so_far()
    for line, document in read_records(report, _EVENT_COLUMNS):
        record = unwrapped(document)
        try:
            action = _ACTIONS.get(text((record or {}).get("action_name")).lower())
            query_id = text((record or {}).get("query_id"))
            if record is None or action is None or not query_id:
                report.issues.left_out += 1
                continue
            product_id = text(at(record, OBJECT_ID))
            client_id, session_id = text(record.get("client_id")), text(record.get("session_id"))
        except FieldError as error:
            report.skip("broken line", line, str(error))
            continue
        if not product_id:
            report.skip("empty id", line, f"{OBJECT_ID} is empty")
            continue
        place, seconds = position(record, line, report), dwell_time(record, line, report)
        when = timestamp(record, line, report)
        report.issues.kept += 1
        yield LoggedEvent(action, query_id, product_id, place, seconds, client_id, session_id, when)
    report.refuse_if_nothing("event of a search", before, _EVENT_COLUMNS.hint)

"""The simulated behaviour of shoppers as files in UBI's fields (see catalog.ubi)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from catalog.demo.engagement import simulate
from catalog.demo.shop import DemoShop
from catalog.ubi import LoggedEvent, LoggedQuery

QUERY_LOG, EVENT_LOG = "ubi_queries.jsonl", "ubi_events.jsonl"


def write_logs(shop: DemoShop, directory: Path, searches: int, seed: int) -> dict[str, int]:
    """Write `ubi_queries.jsonl` and `ubi_events.jsonl` of so many searches; return the counts.

    Equal arguments write equal bytes. There are no `impression` events: what was shown is in
    `query_response_hit_ids`.
    """
    events = 0
    with (directory / QUERY_LOG).open("wb") as queries, (directory / EVENT_LOG).open("wb") as log:
        for query, following in simulate(shop, searches, seed):
            queries.write(orjson.dumps(_query_document(query)) + b"\n")
            for event in following:
                log.write(orjson.dumps(_event_document(event)) + b"\n")
            events += len(following)
    return {"searches": searches, "events": events}


def _written(when: datetime | None) -> str:
    return "" if when is None else when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _query_document(query: LoggedQuery) -> Mapping[str, Any]:
    return {
        "application": "gradus-demo",
        "query_id": query.query_id,
        "client_id": query.client_id,
        "user_query": query.query,
        "object_id_field": "id",
        "timestamp": _written(query.timestamp),
        "query_response_hit_ids": query.hits,
    }


def _event_document(event: LoggedEvent) -> Mapping[str, Any]:
    attributes: dict[str, Any] = {
        "object": {"object_id": event.product_id, "object_id_field": "id"},
        "position": {"ordinal": event.position},
    }
    if event.dwell_time is not None:
        attributes["dwell_time"] = event.dwell_time
    return {
        "application": "gradus-demo",
        "action_name": event.action.value,
        "query_id": event.query_id,
        "session_id": event.session_id,
        "client_id": event.client_id,
        "timestamp": _written(event.timestamp),
        "event_attributes": attributes,
    }

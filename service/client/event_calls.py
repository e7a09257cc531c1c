"""What shoppers did with what a search showed: clicks, carts, orders, by the names of UBI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from service.client.calls import Call, reader, to_json
from service.client.results import Hit, SearchAnswer

Action = Literal[
    "impression", "click", "click_through", "dwell", "add_to_cart", "purchase", "order"
]


@dataclass(frozen=True)
class Event:
    """One thing done with one product that a search showed.

    `ordinal` is the hit's rank, `client_id` names the shopper's device, `dwell_time` is in seconds
    and belongs to `dwell`. Without a `timestamp` the service takes the moment at which it came.
    """

    action_name: Action
    query_id: str
    object_id: str
    ordinal: int | None = None
    client_id: str | None = None
    session_id: str | None = None
    timestamp: datetime | None = None
    dwell_time: float | None = None

    @classmethod
    def of(cls, action: Action, answer: SearchAnswer, hit: Hit, **more: Any) -> Self:
        """Something done with a hit of an answer; `more` are the other fields."""
        return cls(action, answer.query_id, hit.id, hit.rank, **more)

    def body(self) -> dict[str, Any]:
        """The event as the service takes it."""
        attributes: dict[str, Any] = {"object": {"object_id": self.object_id}}
        if self.ordinal is not None:
            attributes["position"] = {"ordinal": self.ordinal}
        if self.dwell_time is not None:
            attributes["dwell_time"] = self.dwell_time
        when = None if self.timestamp is None else self.timestamp.isoformat()
        body = {
            "action_name": self.action_name,
            "query_id": self.query_id,
            "client_id": self.client_id,
            "session_id": self.session_id,
            "timestamp": when,
        }
        given = {name: value for name, value in body.items() if value is not None}
        return {**given, "event_attributes": attributes}


@dataclass(frozen=True)
class Accepted:
    """How many events were taken on."""

    request_id: str
    accepted: int


def events(some: Sequence[Event]) -> Call[Accepted]:
    """`POST /v1/events`: all are taken or none; sent twice they would count twice."""
    return Call(
        "POST",
        "/v1/events",
        reader(Accepted),
        content=to_json([event.body() for event in some]),
        headers={"Content-Type": "application/json"},
        repeatable=False,
    )

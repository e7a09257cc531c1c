"""What `POST /v1/events` takes and answers: events of User Behavior Insights, strictly.

The names are those of the UBI schema of events 1.3.0, `dwell` and `dwell_time` are ours; whatever
`catalog.ubi` reads of an event is checked here, so that an accepted one is never a broken line.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from service.schemas import Declared

Action = Literal[
    "impression", "click", "click_through", "dwell", "add_to_cart", "purchase", "order"
]
_MOST_SECONDS = 4_102_444_800  # 2100-01-01
Name = Annotated[str, Field(min_length=1, max_length=200)]
Words = Annotated[str, Field(max_length=2000)]


class Part(BaseModel):
    """Nothing that is not named here."""

    model_config = ConfigDict(extra="forbid", strict=True)


class EventObject(Part):
    """What the shopper did it with."""

    object_id: str = Field(min_length=1, max_length=2000, description="Id of the product.")
    object_id_field: Name | None = None
    name: Words | None = None
    description: Words | None = None
    internal_id: Name | None = None


class Position(Part):
    """Where it stood."""

    ordinal: int | None = Field(
        default=None, ge=1, le=100_000, description="`rank` of the hit: from 1, over all pages."
    )
    x: float | None = None
    y: float | None = None
    page_depth: float | None = None
    scroll_depth: float | None = None
    trail: Words | None = None


class EventAttributes(Part):
    """The product, its place, and how long it was looked at."""

    object: EventObject
    position: Position | None = None
    dwell_time: float | None = Field(
        default=None, ge=0, le=86_400, allow_inf_nan=False, description="Seconds."
    )


def _moment(value: Any) -> str:
    """ISO 8601 (UTC without an offset) or milliseconds since 1970, as ISO 8601 in UTC."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("a time is expected: ISO 8601, or milliseconds since 1970")
    try:
        if isinstance(value, str):
            when = datetime.fromisoformat(value)
        else:
            when = datetime.fromtimestamp(value / 1000, UTC)
        when = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
        seconds = when.timestamp()
    except (ValueError, OverflowError, OSError):
        seconds = -1.0
    if not 0 <= seconds < _MOST_SECONDS:
        raise ValueError("a time is expected: ISO 8601, or milliseconds since 1970")
    return when.isoformat(timespec="milliseconds")


class Event(Part):
    """One thing done with one product that a search showed."""

    action_name: Action
    query_id: str = Field(
        min_length=1, max_length=100, description="`query_id` of the search's answer."
    )
    event_attributes: EventAttributes
    client_id: Name | None = Field(
        default=None, description="Names the shopper's device; tells one shopper from another."
    )
    session_id: Name | None = None
    timestamp: Annotated[str, BeforeValidator(_moment)] | None = Field(
        default=None, description="ISO 8601 or milliseconds since 1970; now, if left out."
    )
    application: Name | None = None
    user_query: Words | None = None
    message: Words | None = None
    message_type: Name | None = None

    @model_validator(mode="after")
    def _dwell(self) -> Event:
        if self.action_name == "dwell" and self.event_attributes.dwell_time is None:
            raise ValueError("dwell needs event_attributes.dwell_time, in seconds")
        return self


class Accepted(Declared):
    """The events were taken on; they are on disk within `GRADUS_EVENTS__SYNC_SECONDS`."""

    request_id: str
    accepted: int

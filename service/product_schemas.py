"""The answers of `/v1/products`, declared for OpenAPI; see `service.schemas`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from service.schemas import Declared, FaultShape

Changed = Literal["added", "replaced", "deleted", "unchanged", "not_found"]


class IndexState(Declared):
    """Which state of the index an answer speaks of."""

    version: str
    sequence: int = Field(ge=0, description="Number of the last live update in it; 0 before any.")


class OneProduct(Declared):
    """A product as it stands."""

    request_id: str
    id: str
    fields: dict[str, Any] = Field(description="As hits of a search show it.")
    index: IndexState


class ChangedProduct(Declared):
    """What became of one update; it is on disk."""

    request_id: str
    id: str
    outcome: Changed
    index: IndexState = Field(description="The state that searches of this worker see now.")


class BulkStatus(Declared):
    """One line of the answer to many updates."""

    line: int = Field(ge=1, description="Number of the line in the request.")
    id: str
    outcome: Changed | Literal["invalid", "failed"] = Field(
        description="`invalid`: mend the line. `failed`: send it again. Neither changed anything."
    )
    sequence: int | None = Field(default=None, description="State that first holds the line.")
    errors: list[FaultShape] = Field(default=[])

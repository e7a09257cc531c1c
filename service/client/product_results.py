"""What the product routes answer, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.client.errors import Fault


@dataclass(frozen=True)
class IndexState:
    """Which state of the index an answer speaks of; `sequence` numbers the live updates."""

    version: str
    sequence: int


@dataclass(frozen=True)
class OneProduct:
    """A product as it stands."""

    request_id: str
    id: str
    fields: Mapping[str, Any]
    index: IndexState


@dataclass(frozen=True)
class ChangedProduct:
    """What became of one update: added, replaced, deleted, unchanged or not_found."""

    request_id: str
    id: str
    outcome: str
    index: IndexState


@dataclass(frozen=True)
class BulkStatus:
    """What became of one line, numbered from 1; `invalid` and `failed` have changed nothing."""

    line: int
    id: str
    outcome: str
    sequence: int | None = None
    errors: tuple[Fault, ...] = ()

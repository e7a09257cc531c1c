"""The answers of the operating routes, declared for OpenAPI; see `service.schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from service.schemas import Declared


class Live(Declared):
    """The process runs."""

    status: Literal["ok"]


class Health(Declared):
    """The process runs and has an index open."""

    status: Literal["ok"]
    index: str
    products: int
    uptime_seconds: float


class EncoderInfo(Declared):
    """What turns texts into vectors."""

    fingerprint: str
    precision: str
    dim: int
    provider: str = Field(description="Where it runs: cpu or cuda.")
    way: Literal["inline", "queued"] = Field(description="How searches wait for it.")
    reason: str = Field(description="Why so.")
    encode_ms: float = Field(description="One query, measured when the index was opened.")


class IndexInfo(Declared):
    """What is searched."""

    version: str
    sequence: int = Field(description="Number of the last live update; 0 before any.")
    snapshot: str | None = Field(description="When the products it was built from were so.")
    products: int
    calibration: str
    calibration_source: str


class LimitsInfo(Declared):
    """Bounds on a request."""

    limit: int
    window: int
    query_characters: int
    body_bytes: int
    bulk_bytes: int
    batch: int
    embed: int
    timeout_ms: int
    burst: int


class Info(Declared):
    """What is running here."""

    service: str
    version: str
    libraries: dict[str, str]
    encoder: EncoderInfo
    index: IndexInfo
    limits: LimitsInfo
    modes: list[str]


class IndexVersion(Declared):
    """One version of the index; `problem` is empty when its manifest can be read."""

    version: str
    live: bool
    created: str
    products: int
    calibration: str
    problem: str


class Indexes(Declared):
    """The versions of the index."""

    serving: str = Field(description="What this worker answers from.")
    live: str | None = Field(description="What `current` names.")
    previous: str | None = Field(description="Where a rollback goes.")
    versions: list[IndexVersion]


class Published(Declared):
    """Another version serves."""

    serving: str
    before: str

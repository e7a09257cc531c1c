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
    calibration_source: str = Field(description="Whether it was fitted here, or where else.")
    calibration_policy: str = Field(description="How tiers are cut, and if nothing is promised.")


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


class Shift(Declared):
    """A number of the version that was live, and of the one that goes live."""

    before: float
    after: float


class CountShift(Declared):
    """A count of the version that was live, and of the one that goes live."""

    before: int
    after: int


class CutShifts(Declared):
    """The least relevance of each tier."""

    exact: Shift
    substitute: Shift


class IdfDrift(Declared):
    """What became of the weights of words."""

    shared: int = Field(description="Terms that both versions hold.")
    mean_change: float = Field(description="Mean absolute change, by products that hold the term.")
    largest_change: float | None = Field(description="Of terms that ten products hold.")
    largest_term: str | None
    came: int
    went: int


class Changes(Declared):
    """What scores rest on, in both versions."""

    products: CountShift
    mean_lengths: dict[str, Shift] = Field(description="Words of a field where it is filled.")
    idf: IdfDrift
    alpha: Shift
    cuts: dict[str, CutShifts] = Field(description="Least relevance of the tiers, by mode.")
    same_encoder: bool


class Drift(Declared):
    """How a version differs from the one that was live."""

    live: str
    changes: Changes | None = Field(description="None when the one that was live cannot be read.")
    problem: str = Field(description="Why it cannot; empty when it can.")


class Published(Declared):
    """Another version serves."""

    serving: str
    before: str
    drift: Drift | None = Field(None, description="Against what was live; none when it stays.")

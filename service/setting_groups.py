"""The settings of the service by group; `service.settings` puts them together.

Those of who may ask stand in `service.access_settings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LogSettings(BaseModel):
    """What the service writes about itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is written."
    )
    access: bool = Field(default=True, description="One JSON line for each request.")
    query: Literal["off", "on", "hash"] = Field(
        default="off",
        description="What a search's log line says of the query: nothing, its text, or a hash.",
    )
    slow_ms: int = Field(
        default=250,
        ge=0,
        description="A search or batch that takes longer is logged with its stages; 0: none.",
    )


class LimitSettings(BaseModel):
    """Bounds on what a request may cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: int = Field(default=65_536, ge=1, description="Largest request body, in bytes.")
    bulk_bytes: int = Field(
        default=1_048_576,
        ge=1,
        description="Largest body of a batch, or of texts to embed, in bytes.",
    )
    batch: int = Field(default=50, ge=1, le=1000, description="Most searches of one batch.")
    embed: int = Field(default=64, ge=1, le=1000, description="Most texts of one call of embed.")
    connections: int = Field(default=4096, ge=1, description="Open connections of one worker.")
    request_seconds: int = Field(
        default=20, ge=1, description="Time in which a request must have come in, in seconds."
    )
    timeout_ms: int = Field(
        default=5000,
        ge=1,
        description="Time a request gets that names none (`timeout_ms`), in milliseconds.",
    )
    burst: int = Field(
        default=128,
        ge=1,
        description="Searches that one worker takes on at once; more are refused.",
    )
    queue_ms: float = Field(
        default=8.0,
        gt=0,
        description="Waiting that is let in once searches have queued for 0.1 s, milliseconds.",
    )
    spelling_ms: float = Field(
        default=20.0,
        gt=0,
        description="A correction that takes longer is left out of the search, in milliseconds.",
    )
    facets_ms: float = Field(
        default=20.0,
        gt=0,
        description="Facets that take longer are left out of the answer, in milliseconds.",
    )
    drain_seconds: float = Field(
        default=0.0,
        ge=0,
        description="After SIGTERM `/readyz` says 503 this long before connections are refused.",
    )
    shutdown_seconds: int = Field(
        default=10, ge=0, description="Time that running requests get after SIGTERM, in seconds."
    )
    keep_alive_seconds: int = Field(
        default=75, ge=1, description="An idle connection is closed after this time, in seconds."
    )


class EncoderSettings(BaseModel):
    """How queries become vectors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Literal["cpu", "cuda"] = Field(
        default="cpu", description="Where the encoder runs; what is not to be had is an error."
    )
    threads: int = Field(
        default=1, ge=1, le=64, description="Texts encoded side by side when several come at once."
    )
    way: Literal["auto", "inline", "queued"] = Field(
        default="auto", description="Whether a search waits where it stands; `auto` measures."
    )
    max_wait_us: int = Field(
        default=250_000,
        ge=1,
        description="A search waits this long for its vector, then goes on by words, microseconds. "
        "No time to gather texts in: a call takes those that wait already, never waiting for more.",
    )
    queue: int = Field(default=256, ge=1, description="Texts that may wait for the encoder.")
    cache: int = Field(
        default=10_000, ge=0, description="Query vectors kept, the ones used last; 0 keeps none."
    )


class ReloadSettings(BaseModel):
    """How another version of the index takes over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    watch_seconds: float = Field(
        default=1.0, ge=0, description="How often `current` is looked at; 0: never."
    )
    warm_up: int = Field(
        default=64,
        ge=0,
        description="Latest searches tried on a version before it serves.",
    )


class UpdateSettings(BaseModel):
    """Products changed while the index serves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    watch_seconds: float = Field(
        default=0.25, gt=0, description="How often updates of other workers are looked for."
    )
    waiting: int = Field(
        default=16, ge=1, description="Requests that write at once, in one worker."
    )
    bulk_bytes: int = Field(
        default=8_388_608, ge=1, description="Largest body of many products, in bytes."
    )
    bulk_lines: int = Field(default=10_000, ge=1, description="Most lines of such a body.")
    carry: Literal["newer", "all"] = Field(
        default="newer",
        description="Which updates another version takes over: newer than its products, or all.",
    )


class EventSettings(BaseModel):
    """Searches and what followed them, as files for `gradus audit`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path | None = Field(
        default=None, description="Directory of the event log; nothing is kept without it."
    )
    file_bytes: int = Field(
        default=67_108_864, ge=1024, description="A file is followed by another at this size."
    )
    queue: int = Field(
        default=10_000, ge=1, description="Searches and events that may wait to be written."
    )
    batch: int = Field(default=1000, ge=1, description="Most events of one request.")
    sync_seconds: float = Field(
        default=1.0, ge=0, description="How often the log is synced to the disk, in seconds."
    )


class ShadowSettings(BaseModel):
    """A second index that answers a share of the searches for comparison only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: Path | None = Field(default=None, description="Root or version to compare with.")
    share: float = Field(
        default=0.01, ge=0, le=1, description="Share of the searches that it answers, too."
    )

"""What the operator's routes answer, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Live:
    """The process runs."""

    status: str


@dataclass(frozen=True)
class Health:
    """The process runs and has an index open."""

    status: str
    index: str
    products: int
    uptime_seconds: float


@dataclass(frozen=True)
class EncoderInfo:
    """What turns texts into vectors."""

    fingerprint: str
    precision: str
    dim: int
    provider: str
    way: str
    reason: str
    encode_ms: float


@dataclass(frozen=True)
class IndexInfo:
    """What is searched; `sequence` numbers the live updates in it."""

    version: str
    products: int
    sequence: int
    snapshot: str | None
    calibration: str
    calibration_source: str
    calibration_policy: str = ""


@dataclass(frozen=True)
class LimitsInfo:
    """Bounds on a request: sizes in bytes and characters, times in milliseconds, else counts."""

    limit: int
    window: int
    query_characters: int
    body_bytes: int
    bulk_bytes: int
    timeout_ms: int
    burst: int
    batch: int
    embed: int


@dataclass(frozen=True)
class Info:
    """What is running there."""

    service: str
    version: str
    libraries: Mapping[str, str]
    encoder: EncoderInfo
    index: IndexInfo
    limits: LimitsInfo
    modes: tuple[str, ...]


@dataclass(frozen=True)
class IndexVersion:
    """One version of the index; `problem` is empty when its manifest can be read."""

    version: str
    live: bool
    created: str
    products: int
    calibration: str
    problem: str


@dataclass(frozen=True)
class Indexes:
    """The versions of the index: what the worker serves, what is live, where a rollback goes."""

    serving: str
    live: str | None
    previous: str | None
    versions: tuple[IndexVersion, ...]


@dataclass(frozen=True)
class Shift:
    """A number of the version that was live, and of the one that goes live."""

    before: float
    after: float


@dataclass(frozen=True)
class CountShift:
    """A count of the version that was live, and of the one that goes live."""

    before: int
    after: int


@dataclass(frozen=True)
class CutShifts:
    """The least relevance of each tier."""

    exact: Shift
    substitute: Shift


@dataclass(frozen=True)
class IdfDrift:
    """What became of the weights of words; changes are absolute, the largest has its sign."""

    shared: int
    mean_change: float
    largest_change: float | None
    largest_term: str | None
    came: int
    went: int


@dataclass(frozen=True)
class Changes:
    """What scores rest on, in both versions; mean words by field, tier cuts by mode."""

    products: CountShift
    mean_lengths: Mapping[str, Shift]
    idf: IdfDrift
    alpha: Shift
    cuts: Mapping[str, CutShifts]
    same_encoder: bool


@dataclass(frozen=True)
class Drift:
    """How a version differs from the one that was live; the `problem` where that is not known."""

    live: str
    changes: Changes | None
    problem: str


@dataclass(frozen=True)
class Published:
    """Another version serves; `drift` is None where it was live already."""

    serving: str
    before: str
    drift: Drift | None = None

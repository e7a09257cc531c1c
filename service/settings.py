"""Every setting of the service: `GRADUS_<NAME>`, nested ones `GRADUS_<GROUP>__<NAME>`.

`docs/operations.md` holds the same list for people; a test keeps the two together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalog.errors import GradusError

PREFIX = "GRADUS_"


class SettingsError(GradusError):
    """A setting of the service has a value it cannot use."""

    code = "settings_error"


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
        description="A search that takes longer is logged with its stages; 0: none.",
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
        default=5.0,
        gt=0,
        description="Waiting that is let in once searches have queued for 0.1 s, milliseconds.",
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
        description="A search waits this long for its vector, then goes on by words, microseconds.",
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


class ShadowSettings(BaseModel):
    """A second index that answers a share of the searches for comparison only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: Path | None = Field(default=None, description="Root or version to compare with.")
    share: float = Field(
        default=0.01, ge=0, le=1, description="Share of the searches that it answers, too."
    )


class KeySettings(BaseModel):
    """Who may do what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    admin_sha256: tuple[str, ...] = Field(
        default=(),
        description="Sha256 of each admin key, hexadecimal; admin routes are closed without one.",
    )


class Settings(BaseSettings):
    """The effective settings of one service, from the environment and from options."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    index: Path = Field(
        default=Path("artifacts/demo/index"),
        description="Root of the index (the directory with `current` and `versions/`).",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on; `0.0.0.0` for all.")
    port: int = Field(
        default=8080, ge=0, le=65_535, description="Port to listen on; 0 takes a free one."
    )
    workers: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        default=1, description="Processes that answer; `auto` takes one for each core."
    )
    rules: Path | None = Field(
        default=None, description="Pins, buries and tie-breaks instead of those of the index."
    )
    answers: int = Field(
        default=0, ge=0, description="Answers kept for equal requests to one index version."
    )
    tracing: bool = Field(
        default=False, description="Send spans by OpenTelemetry; needs the extra `otel`."
    )
    verify: bool = Field(
        default=True, description="Hash every file of the index before serving it."
    )
    log: LogSettings = Field(default_factory=LogSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    encoder: EncoderSettings = Field(default_factory=EncoderSettings)
    reload: ReloadSettings = Field(default_factory=ReloadSettings)
    updates: UpdateSettings = Field(default_factory=UpdateSettings)
    shadow: ShadowSettings = Field(default_factory=ShadowSettings)
    keys: KeySettings = Field(default_factory=KeySettings)

    @property
    def processes(self) -> int:
        """Number of workers, `auto` resolved to the cores that this process may use."""
        return usable_cores() if self.workers == "auto" else self.workers


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; an override that is not None wins.

    Raises SettingsError, which names each variable or option with an impossible value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        faults = "; ".join(
            f"{variable_name(fault['loc'])}: {fault['msg']}" for fault in error.errors()
        )
        raise SettingsError(
            f"a setting cannot be used: {faults}",
            hint="docs/operations.md lists every setting.",
        ) from error


def variable_name(location: tuple[int | str, ...]) -> str:
    """The environment variable of a field: `("log", "query")` is `GRADUS_LOG__QUERY`."""
    return PREFIX + "__".join(str(part) for part in location).upper()


def setting_names(model: type[BaseModel] = Settings, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Every environment variable the service reads."""
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from setting_names(kind, (*above, name))
        else:
            yield variable_name((*above, name))


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """Variables with our prefix that no setting reads: most likely a slip of the pen."""
    names = os.environ if environment is None else environment
    known = set(setting_names()) | {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in names if name.startswith(PREFIX) and name not in known)


def usable_cores() -> int:
    """Cores that this process may use, by its affinity and by the CPU quota of its container."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))

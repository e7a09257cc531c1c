"""Every setting of the service: `GRADUS_<NAME>`, nested ones `GRADUS_<GROUP>__<NAME>`.

`docs/operations.md` holds the same list for people; a test keeps the two together.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic_settings
from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalog.errors import GradusError
from service.access_settings import HttpSettings, KeySettings, RateSettings
from service.setting_groups import (
    EncoderSettings,
    EventSettings,
    LimitSettings,
    LogSettings,
    ReloadSettings,
    ShadowSettings,
    UpdateSettings,
)

__all__ = [
    "EncoderSettings",
    "EventSettings",
    "HttpSettings",
    "KeySettings",
    "LimitSettings",
    "LogSettings",
    "RateSettings",
    "ReloadSettings",
    "Settings",
    "SettingsError",
    "ShadowSettings",
    "UpdateSettings",
    "load_settings",
    "setting_names",
    "unknown_variables",
    "usable_cores",
    "variable_name",
]

PREFIX = "GRADUS_"


class SettingsError(GradusError):
    """A setting of the service has a value it cannot use."""

    code = "settings_error"


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
    events: EventSettings = Field(default_factory=EventSettings)
    shadow: ShadowSettings = Field(default_factory=ShadowSettings)
    keys: KeySettings = Field(default_factory=KeySettings)
    rate: RateSettings = Field(default_factory=RateSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)

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
    except pydantic_settings.SettingsError as error:
        raise SettingsError(
            f"a setting cannot be read: {error}", hint="docs/operations.md lists every setting."
        ) from error
    except ValidationError as error:
        raise SettingsError(
            f"a setting cannot be used: {_faults(error, given)}",
            hint="docs/operations.md lists every setting.",
        ) from error


def _faults(error: ValidationError, options: Collection[str]) -> str:
    """What is wrong with each variable or option; of two that it may be, that it is neither."""
    faults = defaultdict[str, dict[str, None]](dict)
    for fault in error.errors():
        first = str(fault["loc"][0]) if fault["loc"] else ""
        name = f"--{first}" if first in options else _typed_name(fault["loc"])
        faults[name][fault["msg"]] = None
    return "; ".join(f"{name}: {' or '.join(of)}" for name, of in faults.items())


def _typed_name(location: tuple[int | str, ...]) -> str:
    """The variable that somebody set, and which entry of its list is meant."""
    names = set(setting_names())
    for end in range(len(location), 0, -1):
        name = variable_name(location[:end])
        if name in names:
            entry = location[end] if end < len(location) else None
            return f"{name} (entry {entry + 1})" if isinstance(entry, int) else name
    return variable_name(location)


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

"""Every setting of the service: `GRADUS_<NAME>`, nested ones `GRADUS_<GROUP>__<NAME>`.

`docs/operations.md` holds the same list for people; a test keeps the two together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

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


class LimitSettings(BaseModel):
    """Bounds on what a request may cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: int = Field(default=65_536, ge=1, description="Largest request body, in bytes.")
    shutdown_seconds: int = Field(
        default=10, ge=0, description="Time that running requests get after SIGTERM, in seconds."
    )
    keep_alive_seconds: int = Field(
        default=75, ge=1, description="An idle connection is closed after this time, in seconds."
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
    workers: int = Field(
        default=1, ge=1, le=256, description="Processes that answer, best one per core."
    )
    encoder_threads: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Threads of one encoder call; 1 serves most requests per core.",
    )
    verify: bool = Field(
        default=True, description="Hash every file of the index before serving it."
    )
    log: LogSettings = Field(default_factory=LogSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)


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
    known = set(setting_names()) | {PREFIX + name.upper() for name in ("log", "limits")}
    return sorted(name for name in names if name.startswith(PREFIX) and name not in known)

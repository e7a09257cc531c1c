"""What one application holds while it runs: its settings, the index it serves, what it takes on."""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.applications import Starlette

from index.engine import Engine
from service import tracing
from service.admission import Admission
from service.live import LiveIndex
from service.opener import Opener
from service.settings import Settings
from service.updates import Updates


@dataclass
class Gate:
    """Whether new connections are wanted; closed by SIGTERM, and never opened again."""

    closing: bool = False


def prepare(app: Starlette, settings: Settings) -> None:
    """Give a new application its settings and an index that is not open yet."""
    app.state.settings = settings
    app.state.opener = Opener.of(settings)
    app.state.live = LiveIndex(settings, app.state.opener)
    app.state.updates = Updates(settings.updates, app.state.live)
    app.state.admission = Admission(settings.limits.burst, settings.limits.queue_ms / 1e3)
    app.state.gate = Gate()
    app.state.shadow = None
    app.state.events = None
    app.state.tracer = tracing.tracer() if settings.tracing else None
    app.state.began = time.monotonic()


def settings_of(app: Starlette) -> Settings:
    """The settings that the application was made with."""
    settings: Settings = app.state.settings
    return settings


def opener_of(app: Starlette) -> Opener:
    """What opens indexes by these settings."""
    opener: Opener = app.state.opener
    return opener


def gate_of(app: Starlette) -> Gate:
    """Whether the service is about to end."""
    gate: Gate = app.state.gate
    return gate


def live_index(app: Starlette) -> LiveIndex:
    """The index being served, and the way to serve another."""
    live: LiveIndex = app.state.live
    return live


def updates_of(app: Starlette) -> Updates:
    """What takes live updates."""
    updates: Updates = app.state.updates
    return updates


def admission_of(app: Starlette) -> Admission:
    """What the worker has taken on."""
    admission: Admission = app.state.admission
    return admission


def ready_engine(app: Starlette) -> Engine:
    """The open engine, for one step without an `await`; a search holds a generation instead.

    Raises NotReady before start-up is done and after shutdown began.
    """
    return live_index(app).generation.engine


def uptime_seconds(app: Starlette) -> float:
    """Seconds since the application was made."""
    return round(time.monotonic() - float(app.state.began), 1)


def open_engine(settings: Settings, *, verify: bool | None = None) -> tuple[Engine, int]:
    """Open the index of the settings, a root's live version or one version.

    Returns it as it was built, and how many products there are after its live updates.

    Raises MissingFile when there is no index at this path, and another BundleError when it is
    damaged, too new, its vectors are of another encoder, that encoder gives other vectors or the
    index other answers here, or its journal of live updates is damaged.
    """
    opener = Opener.of(settings)
    engine = opener.proved(settings.index, verify=settings.verify if verify is None else verify)
    return engine, opener.check_journal(engine)

"""What one application holds while it runs: its settings and, once open, its engine."""

from __future__ import annotations

import time

from starlette.applications import Starlette

from catalog.errors import NotReady
from index.engine import Engine
from index.request import SearchRequest
from service.settings import Settings


def prepare(app: Starlette, settings: Settings) -> None:
    """Give a new application its settings and no engine."""
    app.state.settings = settings
    app.state.engine = None
    app.state.began = time.monotonic()


def settings_of(app: Starlette) -> Settings:
    """The settings that the application was made with."""
    settings: Settings = app.state.settings
    return settings


def ready_engine(app: Starlette) -> Engine:
    """The open engine. Raises NotReady before start-up is done and after shutdown began."""
    engine: Engine | None = app.state.engine
    if engine is None:
        raise NotReady("no index is open yet", hint="Try again in a moment.")
    return engine


def uptime_seconds(app: Starlette) -> float:
    """Seconds since the application was made."""
    return round(time.monotonic() - float(app.state.began), 1)


def open_engine(settings: Settings, *, verify: bool | None = None) -> Engine:
    """Open the index of the settings, a root's live version or one version, and warm it up.

    Raises MissingFile when there is no index at this path, and another BundleError when it is
    damaged, too new, or its vectors are of another encoder.
    """
    engine = Engine.open(
        settings.index,
        verify=settings.verify if verify is None else verify,
        threads=settings.encoder_threads,
    )
    # The first search of a process is ten times slower than the second, and a model that opens
    # but cannot run shows itself here instead of to the first shopper.
    engine.search(SearchRequest("first search", min_tier="irrelevant"))
    return engine

"""The application: routes, errors and the index, put together."""

from __future__ import annotations

import platform
from asyncio import create_task
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from catalog.errors import GradusError
from index.engine import Engine
from service import (
    batch,
    cors,
    embed,
    events,
    indexes,
    metrics,
    openapi,
    page,
    probes,
    problems,
    products,
    search,
    suggest,
)
from service.afterwards import later
from service.caching import Policy
from service.compression import VARY_LINE, Compression
from service.direct import Shortcut
from service.keys import Access
from service.observer import Observer
from service.settings import Settings
from service.shadow import open_shadow
from service.state import admission_of, gate_of, live_index, opener_of, prepare, updates_of

_DESCRIPTION = """\
Product search that says how relevant each hit is: an exact match, a substitute, or nothing worth
showing. Every error, on every route, is an RFC 9457 problem with a stable `code`.
"""
_PARTS = (search, batch, suggest, embed, products, events, indexes, probes, page)


def create_app(
    settings: Settings, engine: Engine | None = None, *, verified: bool = False
) -> FastAPI:
    """The service over the index that `settings` names.

    The index opens when the application starts up, unless an open `engine` is handed in.
    `verified` says that the caller has hashed the index's files a moment ago.
    """
    # Emptied when it serves: an index that another one follows must not be held from here.
    handed = [] if engine is None else [engine]
    del engine

    def serve_first(app: FastAPI) -> None:
        opener = opener_of(app)
        opened = handed.pop() if handed else opener.first(verify=settings.verify and not verified)
        generation = opener.generation(opened)
        opener.catch_up(generation, final=True)
        live_index(app).start(generation)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        live = live_index(app)
        serve_first(app)
        metrics.BUILD_INFO.labels(probes.gradus_version(), platform.python_version()).set(1)
        app.state.shadow = open_shadow(settings)
        app.state.events = events.open_recorder(settings)
        watching = (
            [create_task(live.watch())] if live.root and settings.reload.watch_seconds else []
        )
        watching += [create_task(updates_of(app).watch())] if live.root else []
        try:
            # uvicorn hands these to every connection, which decides what is taken on.
            yield {
                "admission": admission_of(app),
                "gate": gate_of(app),
                "limits": settings.limits,
                "cors": cors.lines(settings.http.origins) if settings.http.origins else None,
                "vary": VARY_LINE if settings.http.compress_bytes else "",
                "routes": _plain_paths(),
            }
        finally:
            for task in watching:
                task.cancel()
            updates_of(app).close()
            await live.stop()
            _close_beside(app)
            later.catch_up()

    app = FastAPI(
        title="Gradus",
        version=probes.gradus_version(),
        description=_DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # `service.tracing` does it
        redirect_slashes=False,  # a 307 would be an answer outside the one error shape
    )
    prepare(app, settings)
    app.state.access = Access.of(settings)
    app.state.caching = Policy.of(settings)
    for kind in (HTTPException, GradusError, problems.RequestError):
        app.add_exception_handler(kind, problems.handle)
    _add_layers(app, settings)
    for part in _PARTS:
        app.include_router(part.router)
    openapi.install(app, settings)
    return app


def _plain_paths() -> frozenset[str]:
    """Paths of the routes that have no parameters."""
    paths = (getattr(route, "path", "") for part in _PARTS for route in part.router.routes)
    return frozenset(path for path in paths if "{" not in path)


def _close_beside(app: FastAPI) -> None:
    """What runs beside the searches ends after them."""
    for part in (app.state.shadow, app.state.events, app.state.tracer):
        if part is not None:
            part.close()


def _add_layers(app: FastAPI, settings: Settings) -> None:
    """What every request passes, the innermost first."""
    origins = settings.http.origins
    app.add_middleware(Shortcut, routes=[route for part in _PARTS for route in part.router.routes])
    if settings.http.compress_bytes:
        app.add_middleware(Compression, least=settings.http.compress_bytes)
    if origins:
        app.add_middleware(cors.Preflights, origins=origins)
    app.add_middleware(
        Observer, settings=settings, admission=admission_of(app), tracer=app.state.tracer
    )
    if origins:
        app.add_middleware(cors.Readable, origins=origins)

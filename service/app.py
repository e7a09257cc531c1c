"""The application: routes, errors and the index, put together."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from catalog.errors import GradusError
from index.engine import Engine
from service import metrics, openapi, page, probes, problems, search
from service.observer import Observer
from service.settings import Settings
from service.state import open_engine, prepare

_DESCRIPTION = """\
Product search that says how relevant each hit is: an exact match, a substitute, or nothing worth
showing. Every error, on every route, is an RFC 9457 problem with a stable `code`.
"""


def create_app(
    settings: Settings, engine: Engine | None = None, *, verified: bool = False
) -> FastAPI:
    """The service over the index that `settings` names.

    The index opens when the application starts up, unless an open `engine` is handed in.
    `verified` says that the caller has hashed the index's files a moment ago.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.engine = engine or open_engine(settings, verify=settings.verify and not verified)
        _announce(app.state.engine)
        try:
            yield
        finally:
            app.state.engine = None

    app = FastAPI(
        title="Gradus",
        version=probes.gradus_version(),
        description=_DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,  # a 307 would be an answer outside the one error shape
    )
    prepare(app, settings)
    for kind in (HTTPException, GradusError, problems.RequestError):
        app.add_exception_handler(kind, problems.handle)
    app.add_middleware(Observer, settings=settings)
    for part in (search, probes, page):
        app.include_router(part.router)
    openapi.install(app)
    return app


def _announce(engine: Engine) -> None:
    bundle = engine.bundle
    metrics.INDEX_INFO.labels(
        bundle.version, bundle.encoder_fingerprint, engine.calibration.name
    ).set(1)
    metrics.INDEX_PRODUCTS.set(len(bundle.store))
    metrics.BUILD_INFO.labels(probes.gradus_version(), platform.python_version()).set(1)

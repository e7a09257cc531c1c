"""Direct routes are called past routing, and answer as through it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse

from catalog.errors import QueryError
from service import problems
from service.direct import DirectRoute, Shortcut

pytestmark = pytest.mark.anyio
router = APIRouter(route_class=DirectRoute)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@router.get("/direct")
async def direct(request: Request) -> Response:
    """Fails as it is told to."""
    fault: dict[str, Exception] = {
        "query": QueryError("no such field"),
        "http": HTTPException(404),
        "other": ZeroDivisionError("no handler knows this"),
    }
    if request.url.query in fault:
        raise fault[request.url.query]
    return PlainTextResponse(request.scope["route"].path)


def application(*, short: bool) -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    app.include_router(router)
    for kind in (HTTPException, QueryError):
        app.add_exception_handler(kind, problems.handle)
    if short:
        app.add_middleware(Shortcut, routes=router.routes)
    return app


async def asked(app: FastAPI, method: str, target: str) -> tuple[int, Any]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        response = await client.request(method, target)
    body = response.text
    if response.headers["content-type"].startswith("application/problem"):
        body = {name: value for name, value in response.json().items() if name != "request_id"}
    return response.status_code, body


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/direct", 200),
        ("GET", "/direct?query", 422),
        ("GET", "/direct?http", 404),
        ("GET", "/direct?other", 500),
        ("POST", "/direct", 405),
        ("GET", "/direct/", 404),
        ("GET", "/elsewhere", 404),
    ],
)
async def test_the_answer_is_that_of_the_long_way(method: str, target: str, status: int) -> None:
    short = await asked(application(short=True), method, target)
    assert short == await asked(application(short=False), method, target)
    assert short[0] == status


async def test_the_short_way_is_taken() -> None:
    app = application(short=True)
    app.router.routes.clear()
    assert await asked(app, "GET", "/direct") == (200, "/direct")


def test_what_has_something_to_resolve_is_refused() -> None:
    with pytest.raises(TypeError, match="no dependencies and no parameters"):

        @router.get("/resolved")
        async def resolved(q: str) -> Response:
            """Has a parameter."""
            return PlainTextResponse(q)

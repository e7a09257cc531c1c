"""Routes that are asked thousands of times a second: the endpoint, nothing resolved for it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from catalog.errors import GradusError
from service.problems import RequestError, handle


class DirectRoute(APIRoute):
    """Its endpoint takes the request and returns the response.

    FastAPI would look for dependencies, a body and a model at each request, and find none.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint. Raises TypeError where there is something to resolve after all."""
        wanted = self.dependant
        parameters = [*wanted.path_params, *wanted.query_params, *wanted.body_params]
        if wanted.dependencies or parameters:
            raise TypeError(f"{self.path}: a direct route has no dependencies and no parameters")
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


class Shortcut:
    """Calls the endpoints of direct routes itself; everything else goes through routing.

    Routing and what stands around it cost a quarter of the work that a search has besides the
    engine. Errors are answered as the application's handlers answer them.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes = {
            (method, route.path): route
            for route in routes
            if isinstance(route, DirectRoute)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        route = self._routes.get((scope.get("method", ""), scope.get("path", "")))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route  # by whose path requests are counted
        request = Request(scope, receive, send)
        try:
            response = await route.endpoint(request)
        except (HTTPException, GradusError, RequestError) as error:
            response = await handle(request, error)
        await response(scope, receive, send)

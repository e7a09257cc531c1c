"""Routes that are asked thousands of times a second: the endpoint, nothing resolved for it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


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

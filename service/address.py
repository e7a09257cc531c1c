"""Parameters in the address of routes that take none there: refused, like every unknown one."""

from __future__ import annotations

from itertools import islice
from urllib.parse import parse_qsl

from starlette.requests import Request

from service.problems import Fault, RequestError, pointer

_MOST_FAULTS = 20


def refuse_query_string(request: Request) -> None:
    """Call it once the client has been let in. Raises RequestError (422) naming what is there."""
    query: bytes = request.scope["query_string"]
    if query:
        names = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
        message = "unknown parameter; this route takes none in its address"
        faults = [Fault(pointer([name]), message) for name in islice(names, _MOST_FAULTS)]
        if faults:
            raise RequestError.invalid(faults)


async def no_query_string(request: Request) -> None:
    """`refuse_query_string` as a FastAPI dependency."""
    refuse_query_string(request)

"""What can go wrong between a caller and the service.

ClientError
├── NoAnswer                nothing came back: not reached, cut off, or too late
│   └── NotSent             the service was not reached, so it has done nothing
├── BadAnswer               something came back that this client cannot read
├── IndexChanged            another index version took over between two pages
└── ProblemError            the service said no, and why (RFC 9457)
    ├── InvalidRequest      400, 413, 414, 415, 422, 431 and other 4xx
    ├── KeyRefused          401, 403
    ├── NotFound            404
    ├── Conflict            409, 412, 428
    ├── TooBusy             429
    ├── Unavailable         503
    ├── OutOfTime           408, 504
    └── ServiceFault        other 5xx
"""

# Names say what is wrong, as in `catalog.errors`.
# ruff: noqa: N818

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.errors import GradusError


class ClientError(GradusError):
    """Root of what the client raises; `where` is the method and path that was called."""

    code = "client_error"


class NoAnswer(ClientError):
    """Nothing came back; whether the service has acted on it is not known."""

    code = "no_answer"


class NotSent(NoAnswer):
    """The service was not reached, so it has done nothing."""

    code = "not_sent"


class BadAnswer(ClientError):
    """Something came back that is not what the service sends; a proxy's page, perhaps."""

    code = "bad_answer"


class IndexChanged(ClientError):
    """Another version of the index took over between two pages: they do not fit together."""

    code = "index_changed"


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request, and where: `#/limit`, `must be at least 1`."""

    pointer: str
    message: str


@dataclass(frozen=True)
class Problem:
    """An error answer of the service. `retry_after` is in seconds, None where none was named."""

    status: int
    code: str
    title: str
    detail: str
    instance: str
    request_id: str
    errors: tuple[Fault, ...] = ()
    retry_after: float | None = None


class ProblemError(ClientError):
    """The service said no; `problem` holds why. Match on `problem.code`."""

    def __init__(self, problem: Problem, *, where: str) -> None:
        self.problem = problem
        super().__init__(
            f"{problem.status} {problem.code}: {problem.detail}",
            where=where,
            hint=f"Request id: {problem.request_id}." if problem.request_id else "",
        )
        self.code = problem.code


class InvalidRequest(ProblemError):
    """The request is wrong and will be wrong again; `problem.errors` says where."""


class KeyRefused(ProblemError):
    """The route needs another key, or is closed."""


class NotFound(ProblemError):
    """There is no such product, version or route."""


class Conflict(ProblemError):
    """The state of the service is not the one that this request presumes."""


class TooBusy(ProblemError):
    """The service has all it can do, or this key has used up its rate; nothing was done."""


class Unavailable(ProblemError):
    """The service cannot answer at the moment."""


class OutOfTime(ProblemError):
    """The time that the request allowed has passed."""


class ServiceFault(ProblemError):
    """A defect of the service; its log holds the request id."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    401: KeyRefused,
    403: KeyRefused,
    404: NotFound,
    408: OutOfTime,
    409: Conflict,
    412: Conflict,
    428: Conflict,
    429: TooBusy,
    503: Unavailable,
    504: OutOfTime,
}


def of_problem(problem: Problem, *, where: str) -> ProblemError:
    """The exception that a problem stands for."""
    other = InvalidRequest if problem.status < 500 else ServiceFault
    return _BY_STATUS.get(problem.status, other)(problem, where=where)

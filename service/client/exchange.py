"""One call from its first attempt to its result or error, without any input or output.

A generator says what to do next, send or wait, and is told what came of it; the blocking and the
asynchronous client only obey.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, TypeVar

import httpx

from service.client.calls import Call
from service.client.errors import (
    BadAnswer,
    ClientError,
    Fault,
    NoAnswer,
    NotSent,
    Problem,
    of_problem,
)
from service.client.retrying import Retries, RetryBudget, may_repeat, pause

T = TypeVar("T")
PROBLEM = "application/problem+json"
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True)
class Send:
    """Send the call, and say what came back or why nothing did."""


@dataclass(frozen=True)
class Wait:
    """Wait for so many seconds."""

    seconds: float


Outcome = httpx.Response | httpx.RequestError | None


@dataclass
class Exchanges:
    """What all calls of one client share."""

    retries: Retries
    budget: RetryBudget
    clock: Callable[[], float] = monotonic
    chance: Callable[[], float] = field(default=random.random)

    def run(self, call: Call[T]) -> Generator[Send | Wait, Outcome, T]:
        """The steps of one call; returns its result. Raises ClientError."""
        began, attempt = self.clock(), 0
        self.budget.earn()
        while True:
            attempt += 1
            outcome = yield Send()
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return call.read(outcome)
            error = error_of(call, outcome)
            wait = self._pause(call, error, attempt, self.clock() - began)
            if wait is None:
                raise error
            yield Wait(wait)

    def _pause(
        self, call: Call[Any], error: ClientError, attempt: int, elapsed: float
    ) -> float | None:
        if not may_repeat(error, repeatable=call.repeatable):
            return None
        wait = pause(self.retries, error, attempt=attempt, elapsed=elapsed, chance=self.chance)
        return wait if wait is not None and self.budget.spend() else None


def cut_off(error: httpx.RequestError) -> NoAnswer:
    """The error of an answer that ended before its end."""
    return NoAnswer(f"the answer was cut off: {type(error).__name__}: {error}")


def error_of(call: Call[Any], outcome: Outcome) -> ClientError:
    """The error that stands for a refusal or for no answer."""
    where = f"{call.method} {call.path}"
    if isinstance(outcome, httpx.Response):
        return _refusal(outcome, where)
    kind = NotSent if isinstance(outcome, _UNSENT) else NoAnswer
    error = kind(f"no answer: {type(outcome).__name__}: {outcome}", where=where)
    error.__cause__ = outcome
    return error


def _refusal(response: httpx.Response, where: str) -> ClientError:
    if response.headers.get("content-type", "").partition(";")[0] != PROBLEM:
        return BadAnswer(
            f"status {response.status_code} without a problem that says why",
            where=where,
            expected=PROBLEM,
            found=response.headers.get("content-type", "no content type"),
            hint="Something between here and the service may have answered instead.",
        )
    try:
        body = response.json()
        problem = Problem(
            status=response.status_code,
            code=str(body["code"]),
            title=str(body.get("title", "")),
            detail=str(body.get("detail", "")),
            instance=str(body.get("instance", "")),
            request_id=str(body.get("request_id", "")),
            errors=tuple(Fault(each["pointer"], each["message"]) for each in body["errors"]),
            retry_after=retry_after(response.headers.get("retry-after")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        bad = BadAnswer(f"status {response.status_code} with a broken problem", where=where)
        bad.__cause__ = error
        return bad
    return of_problem(problem, where=where)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` asks for: a number, or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())

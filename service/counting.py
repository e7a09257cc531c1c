"""What every request adds to the metrics; finding a series by its labels costs more than adding."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from prometheus_client import Counter, Histogram

from service.metrics import HTTP_REQUESTS, HTTP_SECONDS, STAGE_TIME

UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def method_label(method: str) -> str:
    """The method itself, or `other`: else anybody could make new series."""
    return method if method in _METHODS else "other"


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    requests(method, route, status).inc()
    _request_time(method, route).observe(seconds)


def observe_stages(milliseconds: Mapping[str, float]) -> None:
    """Count the stage times of one search, given in milliseconds by stage name."""
    for stage, value in milliseconds.items():
        _stage_time(stage).observe(value / 1000)


@cache
def requests(method: str, route: str, status: int) -> Counter:
    """Where requests that were answered so are counted."""
    return HTTP_REQUESTS.labels(method, route, str(status))


@cache
def _request_time(method: str, route: str) -> Histogram:
    return HTTP_SECONDS.labels(method, route)


@cache
def _stage_time(stage: str) -> Histogram:
    return STAGE_TIME.labels(stage)

"""How a client talks to its service: where, with which key, how patiently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from service.client.calls import Call
from service.client.retrying import RETRIES, Retries


@dataclass(frozen=True)
class Options:
    """Everything but the socket. `api_key` never appears in a representation.

    `timeout` bounds each step of a call (to write, to read the next bytes, to get a connection of
    the pool), `connect_timeout` the way to the service, in seconds. At most `connections` are
    open at once; `kept` of them wait for the next call, `kept_seconds` long.
    """

    url: str
    api_key: str = field(default="", repr=False)
    timeout: float = 10.0
    connect_timeout: float = 3.0
    connections: int = 100
    kept: int = 20
    kept_seconds: float = 30.0
    retries: Retries = RETRIES
    user_agent: str = "gradus-client"

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        key = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {"User-Agent": self.user_agent, "Accept": "application/json", **key}

    def httpx(self) -> dict[str, Any]:
        """Arguments of `httpx.Client` and `httpx.AsyncClient`."""
        return {
            "base_url": self.url,
            "headers": self.headers(),
            "timeout": httpx.Timeout(self.timeout, connect=self.connect_timeout),
            "limits": httpx.Limits(
                max_connections=self.connections,
                max_keepalive_connections=self.kept,
                keepalive_expiry=self.kept_seconds,
            ),
            "follow_redirects": False,
        }


@dataclass(frozen=True)
class Trace:
    """Names under which the service logs what a caller asks: a request id, a W3C trace context."""

    request_id: str = ""
    traceparent: str = ""

    def headers(self) -> dict[str, str]:
        """Those that are set."""
        given = {"X-Request-ID": self.request_id, "traceparent": self.traceparent}
        return {name: value for name, value in given.items() if value}


def request_arguments(call: Call[Any], trace: Trace) -> Mapping[str, Any]:
    """Arguments of `request` for a call."""
    return {
        "method": call.method,
        "url": call.path,
        "params": call.params,
        "content": call.content,
        "headers": {**call.headers, **trace.headers()},
    }

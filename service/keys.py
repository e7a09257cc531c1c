"""Who may call what, and how often: by keys whose sha256 the settings hold.

Keys are long and random (`gradus key`), so a plain hash of one is as good as a slow one.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from pathlib import Path

from fastapi import Request

from service import metrics
from service.problems import Problem, RequestError
from service.rates import Buckets, Rate
from service.settings import Settings
from service.state import settings_of
from service.workers import MULTIPROCESS_VARIABLE

_ANONYMOUS = 0  # bucket of all clients without a key; search keys follow
_UNLIMITED = -1


def presented(request: Request) -> str:
    """The key of `Authorization: Bearer …` or `X-API-Key`; empty without one."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    return request.headers.get("x-api-key", "")


def place(key: str, hashes: tuple[str, ...]) -> int | None:
    """Which of `hashes` is the sha256 of `key`, if any; takes as long whichever it is.

    No key at all is none of them, whatever the hashes.
    """
    # Headers are read as Latin-1: this gives back the bytes that were sent.
    found, mine = None, sha256(key.encode("latin-1", "replace")).hexdigest()
    for number, known in enumerate(hashes):
        if hmac.compare_digest(mine, known.lower()):
            found = number
    return found if key else None


async def require_admin(request: Request) -> None:
    """A FastAPI dependency. Raises RequestError: 403 while no admin key is set, 401 without it."""
    hashes = settings_of(request.app).keys.admin_sha256
    if not hashes:
        detail = "Admin routes are closed: GRADUS_KEYS__ADMIN_SHA256 names no key."
        raise RequestError(Problem(403, "admin_closed", detail))
    if place(presented(request), hashes) is None:
        raise _unauthorized("an admin key", "gradus admin")


@dataclass(frozen=True)
class Access:
    """Who may use the shop's routes, and how often."""

    search: tuple[str, ...]
    admin: tuple[str, ...]
    buckets: Buckets

    @classmethod
    def of(cls, settings: Settings) -> Access | None:
        """By the settings; None when everybody may, as often as they like."""
        keys, rate = settings.keys, settings.rate
        if not (keys.search_sha256 or rate.per_second or rate.anonymous_per_second):
            return None
        anonymous = Rate(rate.anonymous_per_second, rate.anonymous_burst)
        each = [Rate(rate.per_second, rate.burst)] * len(keys.search_sha256)
        shared = os.environ.get(MULTIPROCESS_VARIABLE)
        buckets = Buckets([anonymous, *each], Path(shared) / "rates" if shared else None)
        return cls(keys.search_sha256, keys.admin_sha256, buckets)

    def enter(self, request: Request) -> int:
        """Let a request in and take a token; the bucket it came from. Raises RequestError."""
        bucket = self._bucket(presented(request))
        if bucket != _UNLIMITED and (wait := self.buckets.take(bucket)):
            metrics.SHED.labels("rate_limited").inc()
            whose = "This key has had its" if bucket else "Clients without a key have had their"
            detail = f"{whose} share of searches for now."
            headers = {"Retry-After": str(ceil(wait))}
            raise RequestError(Problem(429, "rate_limited", detail, headers=headers))
        return bucket

    def _bucket(self, key: str) -> int:
        # Both lists are gone through whatever is found: how long it takes tells nothing.
        search, admin = place(key, self.search), place(key, self.admin)
        if admin is not None:
            return _UNLIMITED
        if search is not None:
            return 1 + search
        if self.search:
            raise _unauthorized("a search key", "gradus")
        return _ANONYMOUS


def require_search(request: Request) -> int:
    """Let a request to a route of the shop in; call it before anything else is done.

    Returns what `owe` wants to know. Raises RequestError: 401 where a key is needed, 429 when its
    rate is used up.
    """
    access: Access | None = request.app.state.access
    return _UNLIMITED if access is None else access.enter(request)


def owe(request: Request, bucket: int, searches: int) -> None:
    """Count what a request that was let in takes beyond one search."""
    if bucket != _UNLIMITED:
        request.app.state.access.buckets.owe(bucket, searches)


async def search_key(request: Request) -> None:
    """`require_search` as a FastAPI dependency."""
    require_search(request)


def _unauthorized(wanted: str, realm: str) -> RequestError:
    detail = f"This route needs {wanted}, as `Authorization: Bearer` or `X-API-Key`."
    headers = {"WWW-Authenticate": f'Bearer realm="{realm}"'}
    return RequestError(Problem(401, "unauthorized", detail, headers=headers))

"""What a client may keep of an answer, and for how long: `ETag`, `If-None-Match`, `Cache-Control`.

A tag stands for everything that an answer depends on: the files of the index with its calibration,
the live updates in it, the rules, and the request once its defaults are filled in. It is weak, for
ids and times differ in every answer. A tag that still holds is a 304 before anything is searched.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

import orjson
from fastapi import Request, Response

from service import metrics
from service.generation import Generation
from service.settings import Settings
from service.state import live_index

NO_STORE = {"Cache-Control": "no-store"}
_BYTES = 12
_ASKED = b"if-none-match"


class Policy(NamedTuple):
    """`cache_control` of an answer that may be kept; empty when none may."""

    cache_control: str

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """By the settings; what needed a key is for the client's own cache alone."""
        if not settings.http.etag:
            return cls("")
        age = settings.http.max_age_seconds
        whose = "private" if settings.keys.search_sha256 else "public"
        return cls(f"{whose}, max-age={age}" if age else f"{whose}, no-cache")


class Validator(NamedTuple):
    """The tag of an answer, and the state of the index that it was made for."""

    tag: str
    generation: Generation
    sequence: int

    def headers(self, request: Request, *, degraded: bool = False) -> dict[str, str]:
        """Of the answer: nothing is kept that is degraded, or whose state has gone by meanwhile."""
        now = live_index(request.app).generation
        if degraded or now is not self.generation or now.sequence != self.sequence:
            return NO_STORE
        return {"ETag": self.tag, "Cache-Control": request.app.state.caching.cache_control}

    def not_modified(self, request: Request) -> Response | None:
        """The 304 for a client that has this answer already."""
        known = b",".join(value for name, value in request.scope["headers"] if name == _ASKED)
        if not known:
            return None
        if not _names(known, self.tag.encode()):
            metrics.CACHE_MISSES.labels("client").inc()
            return None
        metrics.CACHE_HITS.labels("client").inc()
        request.state.log = {"index": self.generation.version}
        return Response(status_code=304, headers=self.headers(request))


def validator(request: Request, asked: Any) -> Validator | None:
    """For a GET that asks for `asked`, a plain value or dataclass; None when nothing may be kept.

    Raises NotReady.
    """
    if not request.app.state.caching.cache_control:
        return None
    generation = live_index(request.app).generation
    sequence = generation.sequence
    named = f"{generation.identity}/{sequence}/{request.scope['path']}?".encode()
    digest = blake2b(named + orjson.dumps(asked), digest_size=_BYTES).hexdigest()
    return Validator(f'W/"{digest}"', generation, sequence)


def _names(value: bytes, tag: bytes) -> bool:
    """Whether `If-None-Match` names the tag; compared weakly (RFC 9110, 13.1.2)."""
    bare = tag.removeprefix(b"W/")
    return value.strip() == b"*" or any(
        part.strip().removeprefix(b"W/") == bare for part in value.split(b",")
    )

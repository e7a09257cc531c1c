"""Who may call the admin routes: who has a key whose sha256 the settings hold."""

from __future__ import annotations

import hmac
from hashlib import sha256

from fastapi import Request

from service.problems import Problem, RequestError
from service.state import settings_of


def presented(request: Request) -> str:
    """The key of `Authorization: Bearer …` or `X-API-Key`; empty without one."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    return request.headers.get("x-api-key", "")


def is_known(key: str, hashes: tuple[str, ...]) -> bool:
    """Whether the sha256 of `key` is among `hashes`; takes as long for each of them."""
    digest = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return any([hmac.compare_digest(digest, known.lower()) for known in hashes])


async def require_admin(request: Request) -> None:
    """A FastAPI dependency. Raises RequestError: 403 while no admin key is set, 401 without it."""
    hashes = settings_of(request.app).keys.admin_sha256
    if not hashes:
        detail = "Admin routes are closed: GRADUS_KEYS__ADMIN_SHA256 names no key."
        raise RequestError(Problem(403, "admin_closed", detail))
    if not is_known(presented(request), hashes):
        detail = "This route needs an admin key, as `Authorization: Bearer` or `X-API-Key`."
        headers = {"WWW-Authenticate": 'Bearer realm="gradus admin"'}
        raise RequestError(Problem(401, "unauthorized", detail, headers=headers))

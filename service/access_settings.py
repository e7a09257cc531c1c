"""The settings of who may ask: keys, rates, pages of other origins and what they may keep."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

# A key that is pasted here instead of its hash is refused at the start.
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


def listed(value: object) -> object:
    """`a,b`, `a b` or a JSON list as a list: an environment holds only text."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"this is no JSON list: {error}") from error
    return value.replace(",", " ").split()


def _of_something(value: str) -> str:
    """Raises ValueError for the hash of an empty key, which everybody has."""
    if value.lower() == sha256(b"").hexdigest():
        raise ValueError("this is the hash of an empty key, which would let everybody in")
    return value


Hashes = Annotated[
    tuple[Annotated[Sha256, AfterValidator(_of_something)], ...], NoDecode, BeforeValidator(listed)
]


class KeySettings(BaseModel):
    """Who may do what. Keys stand here as their hashes only; `gradus key` makes both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    admin_sha256: Hashes = Field(
        default=(),
        description="Sha256 of each admin key, hexadecimal; admin routes are closed without one.",
    )
    search_sha256: Hashes = Field(
        default=(),
        description="Sha256 of each search key, hexadecimal; searches are open without one.",
    )


class RateSettings(BaseModel):
    """How many searches a key may ask for, all workers taken together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_second: float = Field(
        default=0.0, ge=0, description="Searches a second of each search key; 0: no limit."
    )
    burst: int = Field(default=20, ge=1, description="Searches of one key at once.")
    anonymous_per_second: float = Field(
        default=0.0,
        ge=0,
        description="Searches a second of all clients without a key together; 0: no limit.",
    )
    anonymous_burst: int = Field(
        default=20, ge=1, description="Searches at once of all clients without a key."
    )


Origin = Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9+.-]*://[^/\s,]+)$")]


class HttpSettings(BaseModel):
    """What answers say to browsers and caches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(),
        description="Origins whose pages may read answers (CORS), `*` for all; none without one.",
    )
    compress_bytes: int = Field(
        default=1024,
        ge=0,
        description="Size from which an answer is compressed for who asks; 0: never.",
    )
    etag: bool = Field(
        default=True, description="Whether clients may keep answers and ask if they still hold."
    )
    max_age_seconds: int = Field(
        default=0,
        ge=0,
        description="Time that a client may use an answer without asking, in seconds.",
    )

"""The calls of the service as values: method, path, body, how the answer is read.

Neither a socket nor a clock: the blocking and the asynchronous client carry the same calls out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Literal, TypedDict, TypeVar
from urllib.parse import quote

import httpx

from service.client.decoding import decode
from service.client.errors import BadAnswer
from service.client.operation_results import Health, Indexes, Info, Live, Published
from service.client.results import (
    BatchAnswer,
    EmbedAnswer,
    SearchAnswer,
    Side,
    SuggestAnswer,
    Tier,
)

T = TypeVar("T")
Mode = Literal["hybrid", "lexical", "semantic"]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call. `repeatable`: made twice, it leaves the service as made once.

    `streamed`: the body of a good answer is left unread.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    streamed: bool = False


class SearchOptions(TypedDict, total=False):
    """What a search may say besides its query; see docs/filters.md and docs/words.md."""

    limit: int
    offset: int
    mode: Mode
    alpha: float
    min_tier: Tier
    min_relevance: float
    exact: bool
    explain: bool
    filter: str
    facets: list[str]
    sort: list[str]
    fields: list[str]
    highlight: list[str] | bool
    group_by: str
    correct: bool
    lang: str
    timeout_ms: int
    use_cache: bool


def search(q: str, options: SearchOptions) -> Call[SearchAnswer]:
    """`POST /v1/search`: by body, for a query of any characters and length."""
    return posted("/v1/search", SearchAnswer, {"q": q, **options})


class BatchedSearch(SearchOptions):
    """One search of several; its time is that of all of them."""

    q: str


def batch(searches: Sequence[BatchedSearch], timeout_ms: int | None) -> Call[BatchAnswer]:
    """`POST /v1/search:batch`."""
    body: dict[str, Any] = {"searches": list(searches)}
    if timeout_ms is not None:
        body["timeout_ms"] = timeout_ms
    return posted("/v1/search:batch", BatchAnswer, body)


def embed(texts: Sequence[str], side: Side) -> Call[EmbedAnswer]:
    """`POST /v1/embed`."""
    return posted("/v1/embed", EmbedAnswer, {"texts": list(texts), "side": side})


def suggest(q: str, limit: int | None) -> Call[SuggestAnswer]:
    """`GET /v1/suggest`."""
    params = {"q": q} if limit is None else {"q": q, "limit": str(limit)}
    return Call("GET", "/v1/suggest", reader(SuggestAnswer), params=params)


def indexes() -> Call[Indexes]:
    """`GET /v1/indexes`."""
    return got("/v1/indexes", Indexes)


def publish(version: str) -> Call[Published]:
    """`POST /v1/indexes/{version}:publish`."""
    path = f"/v1/indexes/{quote(version, safe='')}:publish"
    return Call("POST", path, reader(Published))


def rollback() -> Call[Published]:
    """`POST /v1/indexes:rollback`; a second one goes back to where the first one came from."""
    return Call("POST", "/v1/indexes:rollback", reader(Published), repeatable=False)


def live() -> Call[Live]:
    """`GET /livez`."""
    return got("/livez", Live)


def ready() -> Call[Live]:
    """`GET /readyz`."""
    return got("/readyz", Live)


def health() -> Call[Health]:
    """`GET /healthz`."""
    return got("/healthz", Health)


def info() -> Call[Info]:
    """`GET /info`."""
    return got("/info", Info)


def metrics() -> Call[str]:
    """`GET /metrics`, as Prometheus text."""
    return Call("GET", "/metrics", _text)


def reader(kind: type[T]) -> Callable[[httpx.Response], T]:
    """What reads an answer as `kind`."""
    return partial(_read, kind)


def got(path: str, kind: type[T]) -> Call[T]:
    """A call that only looks."""
    return Call("GET", path, reader(kind))


def posted(path: str, kind: type[T], body: Mapping[str, Any]) -> Call[T]:
    """A call by JSON body, one that may be made twice."""
    return Call(
        "POST",
        path,
        reader(kind),
        content=to_json(body),
        headers={"Content-Type": "application/json"},
    )


def to_json(body: Any) -> bytes:
    """Compact JSON in UTF-8. Raises ValueError for NaN, infinity and lone surrogates."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _read(kind: type[T], response: httpx.Response) -> T:
    try:
        body = response.json()
    except ValueError as error:
        raise BadAnswer("the answer is not JSON") from error
    return decode(kind, body)


def _text(response: httpx.Response) -> str:
    return response.text

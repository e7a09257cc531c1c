"""What the service answers, as frozen values; `service.schemas` declares the same for OpenAPI.

A test holds the two against each other. Milliseconds in `timing_ms`; relevance lies in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from service.client.errors import Problem

Tier = Literal["exact", "substitute", "irrelevant"]
Side = Literal["query", "item"]


@dataclass(frozen=True)
class Correction:
    """A word of the query that was read as another."""

    from_: str
    to: str


@dataclass(frozen=True)
class Query:
    """The query as it came and as it was searched."""

    raw: str
    normalized: str
    corrections: tuple[Correction, ...]
    dropped_terms: int


@dataclass(frozen=True)
class Thresholds:
    """Least relevance of each tier."""

    exact: float
    substitute: float


@dataclass(frozen=True)
class Explanation:
    """How one hit's relevance came about; an arm that took no part is None."""

    semantic: float | None
    lexical: float | None
    alpha: float | None
    score: float
    p_exact: float
    p_at_least_substitute: float
    thresholds: Thresholds


@dataclass(frozen=True)
class Group:
    """The products that a hit stands for."""

    value: str | None
    size: int


@dataclass(frozen=True)
class Hit:
    """One product of the answer; `rank` counts from 1 over the whole result."""

    id: str
    rank: int
    relevance: float
    tier: Tier
    fields: Mapping[str, Any]
    highlight: Mapping[str, str] | None = None
    rule: Literal["pinned", "buried"] | None = None
    group: Group | None = None
    explain: Explanation | None = None


@dataclass(frozen=True)
class FacetValue:
    """A value and how many products of the result have it."""

    value: str | bool
    count: int


@dataclass(frozen=True)
class FacetStats:
    """Least and greatest value in the result; dates in ISO 8601."""

    min: float | str
    max: float | str


@dataclass(frozen=True)
class Total:
    """How many hits there are; `gte` when there may be more."""

    value: int
    relation: Literal["eq", "gte"]


@dataclass(frozen=True)
class Page:
    """The part of the result that an answer shows."""

    limit: int
    offset: int


@dataclass(frozen=True)
class IndexStamp:
    """Which index answered."""

    version: str
    encoder: str
    calibration: str


@dataclass(frozen=True)
class SearchAnswer:
    """The answer to a search; `query_id` names it in events."""

    request_id: str
    query_id: str
    query: Query
    hits: tuple[Hit, ...]
    total: Total
    tier_counts: Mapping[str, int]
    no_confident_match: bool
    facets: Mapping[str, tuple[FacetValue, ...]]
    facet_stats: Mapping[str, FacetStats]
    page: Page
    index: IndexStamp
    timing_ms: Mapping[str, float]
    plan: Mapping[str, str]
    degraded: tuple[str, ...]


@dataclass(frozen=True)
class Suggestion:
    """One way to go on; `id` of a product, `path` of a category from the top."""

    text: str
    kind: str
    match: str
    weight: float
    id: str | None = None
    path: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SuggestAnswer:
    """Completions of what was typed."""

    request_id: str
    query: str
    suggestions: tuple[Suggestion, ...]
    index: str
    timing_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchAnswer:
    """An answer, or the problem that stands in its place, for each search in their order."""

    request_id: str
    results: tuple[SearchAnswer | Problem, ...]
    index: IndexStamp
    timing_ms: Mapping[str, float]


@dataclass(frozen=True)
class EmbedAnswer:
    """A vector of `dims` numbers for each text; of length 1 unless `normalized` is False."""

    request_id: str
    side: str
    vectors: tuple[tuple[float, ...], ...]
    dims: int
    normalized: bool
    encoder: str
    index: str
    timing_ms: Mapping[str, float]

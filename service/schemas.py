"""The answers, declared for OpenAPI; a test holds real answers against them.

No answer passes through these on its way out: the hot path writes JSON from plain values.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from index.calibration import Tier


class Declared(BaseModel):
    """A shape that holds nothing undeclared."""

    model_config = ConfigDict(extra="forbid")


class Correction(Declared):
    """A word of the query that was read as another."""

    from_: str = Field(alias="from")
    to: str


class Query(Declared):
    """The query as it came and as it was searched."""

    raw: str
    normalized: str
    corrections: list[Correction]
    dropped_terms: int = Field(description="Words beyond the bound, left out of the search.")


class Thresholds(Declared):
    """Least relevance of each tier."""

    exact: float
    substitute: float


class Explanation(Declared):
    """How one hit's relevance came about."""

    semantic: float | None = Field(description="Cosine and late interaction, -1 to 1.")
    lexical: float | None = Field(description="Share of the best possible BM25F score, 0 to 1.")
    alpha: float | None = Field(description="Weight of `semantic` in `score`; null with one arm.")
    score: float
    p_exact: float = Field(description="Probability that the product is an exact match.")
    p_at_least_substitute: float
    thresholds: Thresholds


class Group(Declared):
    """The products that a hit stands for."""

    value: str | None = Field(description="Null for a product without a value.")
    size: int = Field(ge=1, description="How many of them pass.")


class Hit(Declared):
    """One product of the answer."""

    id: str
    rank: int = Field(ge=1, description="Place in the whole result, from 1.")
    relevance: float = Field(ge=0, le=1, description="Expected gain, comparable between queries.")
    tier: Tier
    fields: dict[str, Any] = Field(description="The product as the shop wrote it.")
    highlight: dict[str, str] | None = Field(
        default=None,
        description="Fields as HTML, words of the query in `<mark>`; with `highlight`.",
    )
    rule: Literal["pinned", "buried"] | None = Field(
        default=None, description="Present when a rule of the shop put the hit where it is."
    )
    group: Group | None = Field(default=None, description="Present with `group_by`.")
    explain: Explanation | None = Field(default=None, description="Present with `explain=true`.")


class FacetValue(Declared):
    """A value and how many products of the result have it."""

    value: str | bool
    count: int


class FacetStats(Declared):
    """Least and greatest value in the result; dates in ISO 8601."""

    min: float | str
    max: float | str


class Total(Declared):
    """How many hits there are, groups counted once; `gte` when there may be more."""

    value: int
    relation: Literal["eq", "gte"]


class Page(Declared):
    """The part of the result that this answer shows."""

    limit: int
    offset: int


class IndexStamp(Declared):
    """Which index answered."""

    version: str
    encoder: str
    calibration: str


class SearchAnswer(Declared):
    """The answer to a search."""

    request_id: str
    query_id: str = Field(description="Names this search in events.")
    query: Query
    hits: list[Hit]
    total: Total
    tier_counts: dict[Tier, int]
    no_confident_match: bool = Field(description="Nothing in the shop is worth showing.")
    facets: dict[str, list[FacetValue]] = Field(description="Counts by field and value.")
    facet_stats: dict[str, FacetStats] = Field(description="Ranges of numbers and dates.")
    page: Page
    index: IndexStamp
    timing_ms: dict[str, float]
    plan: dict[str, str]
    degraded: list[str] = Field(
        description="What was left out, and why: `encoder:slow`, `spelling:slow`, `facets:slow`. "
        "Empty when all went well."
    )


class FaultShape(Declared):
    """One thing wrong with a request, and where."""

    pointer: str = Field(examples=["#/limit"])
    message: str = Field(examples=["Input should be greater than or equal to 1"])


class ProblemAnswer(Declared):
    """Every error, on every route (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request.")
    code: str = Field(description="Stable name of the error; match on this.")
    request_id: str
    errors: list[FaultShape]

"""What is asked of an index and what it answers: plain values, no behaviour but validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import orjson

from catalog.errors import QueryError
from catalog.text import normalise
from index.calibration import Mode, Tier

MAX_QUERY_CHARACTERS = 2000
MAX_LIMIT = 100
MAX_DEPTH = 1000  # offset + limit
Relation = Literal["eq", "gte"]
_MODES, _TIERS = get_args(Mode), get_args(Tier)


@dataclass(frozen=True)
class SearchRequest:
    """One search. `min_relevance` and `alpha` lie in [0, 1]; None leaves them to the index.

    `filter`, `facets`, `sort`, `fields`, `highlight`, `group_by` are those of docs/filters.md.
    `correct`: misspelt words are read as what they most likely mean. `lang`, where given, has to be
    the language of the index.
    """

    q: str
    limit: int = 20
    offset: int = 0
    mode: Mode = "hybrid"
    min_tier: Tier = "substitute"
    min_relevance: float | None = None
    alpha: float | None = None
    exact: bool = False
    explain: bool = False
    filter: str = ""
    facets: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    highlight: tuple[str, ...] = ()
    group_by: str = ""
    correct: bool = True
    lang: str | None = None

    def validated(self) -> SearchRequest:
        """The request itself. Raises QueryError naming the parameter at fault."""
        if len(self.q) > MAX_QUERY_CHARACTERS:
            raise _wrong("q", f"at most {MAX_QUERY_CHARACTERS} characters", str(len(self.q)))
        if not normalise(self.q):
            raise _wrong("q", "a query", "nothing but white space or control characters")
        if not 1 <= self.limit <= MAX_LIMIT:
            raise _wrong("limit", f"1 to {MAX_LIMIT}", str(self.limit))
        if self.offset < 0 or self.offset + self.limit > MAX_DEPTH:
            raise _wrong(
                "offset",
                f"0 or more, with offset + limit <= {MAX_DEPTH}",
                f"offset {self.offset}, limit {self.limit}",
            )
        for name, value, choices in (
            ("mode", self.mode, _MODES),
            ("min_tier", self.min_tier, _TIERS),
        ):
            if value not in choices:
                raise _wrong(name, f"one of {', '.join(choices)}", repr(value))
        for name, share in (("min_relevance", self.min_relevance), ("alpha", self.alpha)):
            if share is not None and not 0.0 <= share <= 1.0:
                raise _wrong(name, "a number from 0 to 1", str(share))
        if self.alpha is not None and self.mode != "hybrid":
            raise _wrong("alpha", "mode=hybrid, where there are two arms", f"mode={self.mode}")
        return self


@dataclass(frozen=True)
class Explanation:
    """How a hit came by its tier; `semantic` or `lexical` is None where that arm took no part."""

    semantic: float | None
    lexical: float | None
    alpha: float | None
    score: float
    p_exact: float
    p_at_least_substitute: float
    thresholds: dict[str, float]


@dataclass(frozen=True)
class Group:
    """The group of a hit: its value, None for a product that has none, and how many belong."""

    value: str | None
    size: int


class Hit(NamedTuple):
    """One product of the answer; `rank` counts from 1 over the whole result, not the page.

    `record` are the product's fields as a JSON object in UTF-8, as the index keeps them: to send
    them on, nothing needs to be read.
    `highlight` are fields as HTML, `rule` says what put the hit where it is, `group` which products
    it stands for; None where the request or the rules did not ask.
    """

    id: str
    rank: int
    relevance: float
    tier: Tier
    record: bytes
    explain: Explanation | None = None
    highlight: dict[str, str] | None = None
    rule: Literal["pinned", "buried"] | None = None
    group: Group | None = None

    @property
    def product(self) -> dict[str, Any]:
        """The product's fields as JSON values, named as in `Product`."""
        fields: dict[str, Any] = orjson.loads(self.record)
        return fields


@dataclass(frozen=True)
class Query:
    """The query as typed and as understood; `dropped_terms` counts words beyond the bound."""

    raw: str
    normalized: str
    corrections: tuple[Any, ...] = ()
    dropped_terms: int = 0


@dataclass(frozen=True)
class Total:
    """Hits of the whole result, groups counted once; `gte` when an arm may hold more."""

    value: int
    relation: Relation


@dataclass(frozen=True)
class IndexInfo:
    """Which index answered, with which encoder and calibration."""

    version: str
    encoder: str
    calibration: str


@dataclass(frozen=True)
class SearchResult:
    """An answer. `timing_ms` by stage, `plan` what was done, `degraded` what was left out."""

    query: Query
    hits: tuple[Hit, ...]
    total: Total
    tier_counts: dict[str, int]
    no_confident_match: bool
    timing_ms: dict[str, float]
    plan: dict[str, str]
    degraded: tuple[str, ...]
    facets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    facet_stats: dict[str, dict[str, Any]] = field(default_factory=dict)
    index: IndexInfo = field(default_factory=lambda: IndexInfo("", "", ""))


def _wrong(parameter: str, expected: str, found: str) -> QueryError:
    return QueryError("this value cannot be used", where=parameter, expected=expected, found=found)

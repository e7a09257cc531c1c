"""From the engine's result to the JSON of the answer."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Protocol

import orjson

from index.request import Explanation, Hit, SearchRequest, SearchResult
from service.request_id import new_id

_EXPLAINED = tuple(field.name for field in fields(Explanation))


class Noted(Protocol):
    """What keeps a log of searches for those who ask what followed."""

    def searched(self, query_id: str, request: SearchRequest, result: SearchResult) -> None:
        """Note a search by the id that events will name."""
        ...


def answer(
    request: SearchRequest, result: SearchResult, request_id: str, events: Noted | None = None
) -> bytes:
    """The body of a search's answer, as `service.schemas.SearchAnswer` declares it."""
    query_id = new_id()  # a client may send one request id twice; this one is ours
    if events is not None:
        events.searched(query_id, request, result)
    return orjson.dumps(
        {
            "request_id": request_id,
            "query_id": query_id,
            "query": {
                "raw": request.q,
                "normalized": result.query.normalized,
                "corrections": list(result.query.corrections),
                "dropped_terms": result.query.dropped_terms,
            },
            "hits": [_hit(hit) for hit in result.hits],
            "total": {"value": result.total.value, "relation": result.total.relation},
            "tier_counts": result.tier_counts,
            "no_confident_match": result.no_confident_match,
            "facets": result.facets,
            "facet_stats": result.facet_stats,
            "page": {"limit": request.limit, "offset": request.offset},
            "index": {
                "version": result.index.version,
                "encoder": result.index.encoder,
                "calibration": result.index.calibration,
            },
            "timing_ms": result.timing_ms,
            "plan": result.plan,
            "degraded": result.degraded,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def server_timing(milliseconds: dict[str, float]) -> str:
    """The stage times as a `Server-Timing` header, which browsers and load tests can read."""
    return ", ".join(f"{stage};dur={value:.3f}" for stage, value in milliseconds.items())


def _hit(hit: Hit) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": hit.id,
        "rank": hit.rank,
        "relevance": hit.relevance,
        "tier": hit.tier,
        "fields": orjson.Fragment(hit.record),
    }
    if hit.highlight is not None:
        body["highlight"] = hit.highlight
    if hit.rule is not None:
        body["rule"] = hit.rule
    if hit.group is not None:
        body["group"] = {"value": hit.group.value, "size": hit.group.size}
    if hit.explain is not None:
        body["explain"] = {name: getattr(hit.explain, name) for name in _EXPLAINED}
    return body

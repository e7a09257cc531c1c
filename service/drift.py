"""What tells that shoppers, shop or encoder have changed: counted on every search."""

from __future__ import annotations

from collections import Counter
from functools import cache

from prometheus_client import Counter as Metric

from index.engine import Engine
from index.prepared import Prepared
from index.request import SearchResult
from service import counting, metrics


def count(engine: Engine, prepared: Prepared, result: SearchResult) -> None:
    """Add one search that was carried out to the metrics."""
    counting.observe_stages(result.timing_ms)
    _child(metrics.SEARCHES, result.plan.get("mode", "")).inc()
    known = sum(
        engine.bundle.lexical.document_frequency(term) > 0 for term, _ in prepared.terms.counts
    )
    _child(metrics.QUERY_TERMS, "true").inc(known)
    _child(metrics.QUERY_TERMS, "false").inc(len(prepared.terms.counts) - known)
    for tier, number in Counter(hit.tier for hit in result.hits).items():
        _child(metrics.HITS, tier).inc(number)
    if result.hits and prepared.request.offset == 0:
        metrics.BEST_RELEVANCE.observe(result.hits[0].relevance)
    if result.no_confident_match:
        metrics.NO_CONFIDENT_MATCH.inc()
    if result.query.corrections:
        metrics.CORRECTED.inc()
    for entry in result.degraded:
        component, _, reason = entry.partition(":")
        metrics.DEGRADED.labels(component, reason).inc()


@cache
def _child(metric: Metric, label: str) -> Metric:
    # Finding a child by its label costs more than counting in it.
    return metric.labels(label)

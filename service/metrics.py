"""Every metric of the service, declared here and nowhere else; `docs/operations.md` explains them.

With several workers each process counts in files below `PROMETHEUS_MULTIPROC_DIR`, which
`gradus serve` makes before the workers start; `exposition` then adds the processes up, whichever
of them is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)
from prometheus_client.metrics import MetricWrapperBase

from service.afterwards import later

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

REGISTRY = CollectorRegistry()
# The time at which a counter began is a second series per series, and nobody here asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

# A search takes 0.3 to 20 ms: geometric from a quarter of a millisecond, a factor of two apart.
SECONDS = (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 16e-3, 32e-3, 64e-3, 0.128, 0.256, 0.512, 1.0, 4.0)
# A stage takes 15 microseconds to a few milliseconds.
STAGE_SECONDS = tuple(15e-6 * 2**step for step in range(19))
BATCHES = (1, 2, 4, 8, 16, 32, 64)
SHARES = tuple(step / 10 for step in range(11))
RELEVANCE = (*(step / 10 for step in range(1, 10)), 0.95, 1.0)

HTTP_REQUESTS = Counter(
    "gradus_http_requests",
    "Requests answered.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
HTTP_SECONDS = Histogram(
    "gradus_http_request_duration_seconds",
    "Time from the request's head to the last byte of its answer, in seconds.",
    ("method", "route"),
    buckets=SECONDS,
    registry=REGISTRY,
)
STAGE_TIME = Histogram(
    "gradus_stage_duration_seconds",
    "Time one stage of a search took, in seconds.",
    ("stage",),
    buckets=STAGE_SECONDS,
    registry=REGISTRY,
)
HITS = Counter("gradus_hits", "Hits returned, by tier.", ("tier",), registry=REGISTRY)
BEST_RELEVANCE = Histogram(
    "gradus_relevance",
    "Relevance of the best hit of each search that starts at offset 0 and has one.",
    buckets=RELEVANCE,
    registry=REGISTRY,
)
NO_CONFIDENT_MATCH = Counter(
    "gradus_no_confident_match",
    "Searches that found nothing worth showing.",
    registry=REGISTRY,
)
DEGRADED = Counter(
    "gradus_degraded",
    "Searches answered with less than the full machinery.",
    ("component", "reason"),
    registry=REGISTRY,
)
SHED = Counter(
    "gradus_shed",
    "Work refused or dropped instead of done.",
    ("reason",),
    registry=REGISTRY,
)
QUEUE_DEPTH = Gauge(
    "gradus_queue_depth",
    "Searches taken on and not yet answered.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
BATCH_SIZE = Histogram(
    "gradus_batch_size",
    "Texts in one call of the encoder.",
    buckets=BATCHES,
    registry=REGISTRY,
)
ENCODER_FAILURES = Counter(
    "gradus_encoder_failures",
    "Searches that got no vector when they asked the encoder for one.",
    ("reason",),
    registry=REGISTRY,
)
ENCODER_DOWN = Gauge(
    "gradus_encoder_down",
    "Workers whose encoder is out and being mended.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
CACHE_HITS = Counter(
    "gradus_cache_hits", "Look-ups that found something.", ("cache",), registry=REGISTRY
)
CACHE_MISSES = Counter(
    "gradus_cache_misses", "Look-ups that found nothing.", ("cache",), registry=REGISTRY
)
QUERY_TERMS = Counter(
    "gradus_query_terms",
    "Distinct words of the queries, by whether the catalogue has them.",
    ("known",),
    registry=REGISTRY,
)
CORRECTED = Counter(
    "gradus_corrected_queries", "Searches with a corrected word.", registry=REGISTRY
)
SEARCHES = Counter(
    "gradus_searches", "Searches answered, by the mode that ran.", ("mode",), registry=REGISTRY
)
SWAPS = Counter(
    "gradus_index_swaps",
    "Attempts to serve another version of the index.",
    ("outcome",),
    registry=REGISTRY,
)
SHADOW_OVERLAP = Histogram(
    "gradus_shadow_overlap",
    "Share of the first ten hits that the shadow index has among its own.",
    buckets=SHARES,
    registry=REGISTRY,
)
SHADOW_SECONDS = Histogram(
    "gradus_shadow_duration_seconds",
    "Time of a search in the shadow index, in seconds.",
    buckets=SECONDS,
    registry=REGISTRY,
)
SHADOW_TIERS = Counter(
    "gradus_shadow_best_tier",
    "Searches compared, by the tier of the best hit here and in the shadow index.",
    ("live", "shadow"),
    registry=REGISTRY,
)
INDEX_INFO = Gauge(
    "gradus_index_info",
    "1 for the index being served.",
    ("version", "encoder", "calibration"),
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
INDEX_PRODUCTS = Gauge(
    "gradus_index_products",
    "Products in the index being served.",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
INDEX_SEQUENCE = Gauge(
    "gradus_index_sequence",
    "Number of the last live update that a worker's searches see.",
    multiprocess_mode="liveall",
    registry=REGISTRY,
)
UPDATES = Counter(
    "gradus_updates", "Live updates, by what became of them.", ("outcome",), registry=REGISTRY
)
UPDATES_CARRIED = Counter(
    "gradus_updates_carried",
    "Live updates of one version that met another version taking over.",
    ("outcome",),
    registry=REGISTRY,
)
EVENTS = Counter(
    "gradus_events", "Events of shoppers that were taken on.", ("action",), registry=REGISTRY
)
EVENTS_WRITTEN = Counter(
    "gradus_event_records_written",
    "Searches and events written to the event log.",
    ("kind",),
    registry=REGISTRY,
)
EVENTS_REFUSED = Counter(
    "gradus_event_records_refused",
    "Searches and events that the event log had no room for.",
    ("kind",),
    registry=REGISTRY,
)
BUILD_INFO = Gauge(
    "gradus_build_info",
    "1 for the version of Gradus that is running.",
    ("version", "python"),
    multiprocess_mode="livemax",
    registry=REGISTRY,
)

_DECLARED: tuple[MetricWrapperBase, ...] = (
    HTTP_REQUESTS,
    HTTP_SECONDS,
    STAGE_TIME,
    HITS,
    BEST_RELEVANCE,
    NO_CONFIDENT_MATCH,
    DEGRADED,
    SHED,
    QUEUE_DEPTH,
    BATCH_SIZE,
    ENCODER_FAILURES,
    ENCODER_DOWN,
    CACHE_HITS,
    CACHE_MISSES,
    QUERY_TERMS,
    CORRECTED,
    SEARCHES,
    SWAPS,
    SHADOW_OVERLAP,
    SHADOW_SECONDS,
    SHADOW_TIERS,
    INDEX_INFO,
    INDEX_PRODUCTS,
    INDEX_SEQUENCE,
    UPDATES,
    UPDATES_CARRIED,
    EVENTS,
    EVENTS_WRITTEN,
    EVENTS_REFUSED,
    BUILD_INFO,
)


def exposition() -> bytes:
    """Every metric as Prometheus text, added up over all workers."""
    later.catch_up()
    if MULTIPROCESS_VARIABLE not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def metric_names() -> Iterator[str]:
    """The names as an operator types them, counters with their `_total`."""
    for metric in _DECLARED:
        for family in metric.describe():
            yield family.name + ("_total" if family.type == "counter" else "")

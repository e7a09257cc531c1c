"""W3C `traceparent` in, OpenTelemetry spans out; the library is an extra (`otel`).

A span is written once a request is over, from times that are measured anyway: tracing adds nothing
to the path of a search but that. Where spans go is told to the library's own variables
(`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`).
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from catalog.errors import ServingError

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_LAST_SECONDS = 2.0
# In the order in which a search runs; `total` and `queue` are no stages inside it.
_OUTSIDE = ("total", "queue")


def trace_id(traceparent: bytes | None) -> str:
    """The trace that a request belongs to, 32 hexadecimal digits; empty when it names none."""
    found = _TRACEPARENT.fullmatch(traceparent or b"")
    return found[1].decode() if found and found[1] != b"0" * 32 else ""


class Tracer:
    """Writes spans through an OpenTelemetry tracer."""

    def __init__(self, provider: Any) -> None:
        """`provider`: an `opentelemetry.sdk.trace.TracerProvider`."""
        self._provider, self._tracer = provider, provider.get_tracer("gradus")

    def close(self) -> None:
        """Send what is left, for `_LAST_SECONDS` at most: nobody may be there to take it."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_LAST_SECONDS)

    def record(
        self,
        name: str,
        headers: Mapping[bytes, bytes],
        seconds: float,
        status: int,
        request_id: str,
        stages_ms: Mapping[str, float],
    ) -> None:
        """One span for a request that ends now, its stages as spans inside, one after another."""
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {
            key: headers[key.encode()].decode("latin-1")
            for key in ("traceparent", "tracestate")
            if key.encode() in headers
        }
        end = time.time_ns()
        start = end - int(seconds * 1e9)
        span = self._tracer.start_span(
            name,
            context=TraceContextTextMapPropagator().extract(carrier),
            kind=trace.SpanKind.SERVER,
            start_time=start,
            attributes={"http.response.status_code": status, "gradus.request_id": request_id},
        )
        inside = trace.set_span_in_context(span)
        at = start + int(stages_ms.get("queue", 0.0) * 1e6)
        for stage, milliseconds in stages_ms.items():
            if stage in _OUTSIDE:
                continue
            part = self._tracer.start_span(stage, context=inside, start_time=at)
            at += int(milliseconds * 1e6)
            part.end(end_time=at)
        span.end(end_time=end)


def tracer() -> Tracer:
    """A tracer that sends by OTLP over HTTP. Raises ServingError without the extra."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ServingError(
            "tracing is asked for and OpenTelemetry is not installed",
            where="GRADUS_TRACING",
            hint="Install the extra: pip install 'gradus[otel]'.",
        ) from error
    os.environ.setdefault("OTEL_SERVICE_NAME", "gradus")  # else it is called unknown_service
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracer(provider)

"""`traceparent` in, spans out."""

from __future__ import annotations

import httpx
import pytest

from catalog.errors import ServingError
from service import tracing
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01".encode()


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (TRACEPARENT, TRACE),
        (None, ""),
        (b"", ""),
        (b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01", ""),
        (TRACEPARENT.upper(), ""),
        (TRACEPARENT + b"\xff", ""),
    ],
)
def test_trace_of_a_request(header: bytes | None, trace: str) -> None:
    assert tracing.trace_id(header) == trace


def test_request_is_a_span_with_its_stages_inside() -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `otel` is not installed")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    stages = {"total": 3.0, "queue": 0.5, "encode": 1.0, "dense": 1.5}
    headers = {b"traceparent": TRACEPARENT}
    tracing.Tracer(provider).record("GET /v1/search", headers, 0.004, 200, "id-1", stages)
    *parts, whole = kept.get_finished_spans()
    assert format(whole.context.trace_id, "032x") == TRACE
    assert format(whole.parent.span_id, "016x") == PARENT
    assert whole.attributes["http.response.status_code"] == 200
    assert whole.end_time - whole.start_time == pytest.approx(4e6, abs=1)
    assert [part.name for part in parts] == ["encode", "dense"]
    assert all(part.parent.span_id == whole.context.span_id for part in parts)
    assert parts[0].start_time - whole.start_time == 500_000
    assert parts[1].start_time == parts[0].end_time


def test_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ServingError, match=r"gradus\[otel\]"):
        tracing.tracer()


async def test_service_traces_and_sends_what_is_left_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `otel` is not installed")
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    monkeypatch.setattr(kept, "shutdown", lambda: None)  # it would refuse what is sent last
    provider = sdk.TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(kept, schedule_delay_millis=60_000))
    monkeypatch.setattr(tracing, "tracer", lambda: tracing.Tracer(provider))
    app = create_app(Settings(tracing=True))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        await client.get("/livez", headers={"traceparent": TRACEPARENT.decode()})
    assert kept.get_finished_spans() == ()
    app.state.tracer.close()
    (span,) = kept.get_finished_spans()
    assert (span.name, format(span.context.trace_id, "032x")) == ("GET /livez", TRACE)

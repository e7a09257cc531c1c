"""The routes for operators: is it alive, is it ready, what is it, what has it counted."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any, get_args

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from catalog.errors import NotReady
from index.calibration import Mode
from index.request import MAX_DEPTH, MAX_LIMIT, MAX_QUERY_CHARACTERS
from service import metrics
from service.address import no_query_string
from service.openapi import problems
from service.operation_schemas import Health, Info, Live
from service.state import gate_of, live_index, ready_engine, settings_of, uptime_seconds

router = APIRouter(tags=["operation"])
_EXAMPLE = """\
# HELP gradus_hits_total Hits returned, by tier.
# TYPE gradus_hits_total counter
gradus_hits_total{tier="exact"} 1207.0
gradus_hits_total{tier="substitute"} 366.0
"""
_LIBRARIES = ("onnxruntime", "tokenizers", "hnswlib", "numpy", "fastapi", "uvicorn")


@router.get("/livez", response_model=Live, responses=problems(405, path="/livez"))
async def livez() -> dict[str, str]:
    """200 while the process can answer at all; restart it when this fails."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Live, responses=problems(405, 503, path="/readyz"))
async def readyz(request: Request) -> dict[str, str]:
    """200 once the index is open and until the service is about to end; send searches only then."""
    ready_engine(request.app)
    if gate_of(request.app).closing:
        raise NotReady("the service is about to end", hint="Ask another.")
    return {"status": "ok"}


@router.get("/healthz", response_model=Health, responses=problems(405, 503, path="/healthz"))
async def healthz(request: Request) -> dict[str, Any]:
    """Readiness with a few facts, for people."""
    engine = ready_engine(request.app)
    return {
        "status": "ok",
        "index": engine.bundle.version,
        "products": engine.bundle.products,
        "uptime_seconds": uptime_seconds(request.app),
    }


@router.get(
    "/info",
    response_model=Info,
    responses=problems(405, 422, 503, path="/info"),
    dependencies=[Depends(no_query_string)],
)
async def info(request: Request) -> dict[str, Any]:
    """Versions, encoder, index and bounds."""
    generation, settings = live_index(request.app).generation, settings_of(request.app)
    engine, choice = generation.engine, generation.encoder.choice
    return {
        "service": "gradus",
        "version": gradus_version(),
        "libraries": {
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
        "encoder": {
            "fingerprint": engine.encoder.fingerprint,
            "precision": str(engine.bundle.manifest.config.get("precision", "int8")),
            "dim": engine.encoder.dim,
            "provider": settings.encoder.provider,
            "way": choice.way,
            "reason": choice.reason,
            "encode_ms": round(choice.encode_ms, 3),
        },
        "index": {
            "version": engine.bundle.version,
            "sequence": generation.sequence,
            "snapshot": engine.bundle.manifest.config.get("snapshot"),
            "products": engine.bundle.products,
            "calibration": engine.calibration.name,
            "calibration_source": engine.calibration.source,
            "calibration_policy": engine.calibration.policy,
        },
        "limits": {
            "limit": MAX_LIMIT,
            "window": MAX_DEPTH,
            "query_characters": MAX_QUERY_CHARACTERS,
            "body_bytes": settings.limits.body_bytes,
            "bulk_bytes": settings.limits.bulk_bytes,
            "batch": settings.limits.batch,
            "embed": settings.limits.embed,
            "timeout_ms": settings.limits.timeout_ms,
            "burst": settings.limits.burst,
        },
        "modes": list(get_args(Mode)),
    }


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus text.",
            "content": {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **problems(405, path="/metrics"),
    },
)
async def prometheus() -> Response:
    """Every metric as Prometheus text, added up over all workers."""
    return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def gradus_version() -> str:
    """The installed version; `source` when run from a checkout that is not installed."""
    try:
        return version("gradus")
    except PackageNotFoundError:
        return "source"

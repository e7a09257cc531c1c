"""`POST /v1/embed`: vectors of texts, as the index that serves has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from catalog.errors import Overloaded, ServingError
from catalog.text import normalise
from index.stopwatch import Stopwatch
from service import answers, metrics, parameters
from service.address import refuse_query_string
from service.arrival import Deadline
from service.direct import DirectRoute
from service.encoding.bulk import Side
from service.encoding.query_encoder import Encoded
from service.keys import owe, require_search
from service.openapi import problems
from service.problems import Fault, RequestError
from service.schemas import Declared
from service.search import Json
from service.state import admission_of, live_index, settings_of

PATH = "/v1/embed"
MAX_CHARACTERS = 10_000
_UNIT = 1e-3  # how far from 1 the length of a vector that is called normalised may be
router = APIRouter(tags=["search"], route_class=DirectRoute)


class EmbedParameters(BaseModel):
    """Texts and what they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    texts: list[str] = Field(
        min_length=1,
        description=f"Each of at most {MAX_CHARACTERS} characters; what is longer than the encoder "
        "reads is cut.",
        examples=[["oat milk barista", "red running shoes"]],
    )
    side: Side = Field(
        default="query",
        description="`query` for what a shopper types, `item` for the text of a product: a query "
        "vector is to be compared with item vectors.",
    )
    timeout_ms: parameters.Timeout = None


class EmbedAnswer(Declared):
    """A vector for each text, in their order."""

    request_id: str
    side: Side
    vectors: list[list[float]]
    dims: int = Field(description="Length of each vector.")
    normalized: bool = Field(
        description="Each has length 1, so that their product is the cosine. False when a text "
        "has nothing that the encoder reads: its vector is zero."
    )
    encoder: str = Field(description="Fingerprint: equal ones give equal vectors.")
    index: str = Field(description="Version of the index that the encoder belongs to.")
    timing_ms: dict[str, float]


@router.post(
    PATH,
    summary="Vectors for texts",
    response_class=Json,
    responses={
        200: {"model": EmbedAnswer},
        **problems(405, 413, 415, 422, 429, 503, 504, path=PATH),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": EmbedParameters.model_json_schema()}},
        }
    },
)
async def embed(request: Request) -> Response:
    """The vectors that searches and the index work with; each text counts as a search."""
    settings = settings_of(request.app)
    bucket = require_search(request)
    refuse_query_string(request)
    asked = parameters.read_body(request.headers, await request.body(), EmbedParameters)
    _check(asked, settings.limits.embed)
    owe(request, bucket, len(asked.texts) - 1)
    deadline = Deadline(
        request.state.arrival, (asked.timeout_ms or settings.limits.timeout_ms) / 1e3
    )
    deadline.check("in the queue")
    watch, texts = Stopwatch(), [normalise(text) for text in asked.texts]
    generation = live_index(request.app).generation.acquire()
    try:
        with admission_of(request.app).many(len(texts)):
            encoded = await generation.encoder.many(
                texts, deadline.left(), deadline.arrival.gone, side=asked.side
            )
        deadline.check("while the texts were encoded")
        vectors = _vectors(encoded)
        stamp = {"encoder": generation.engine.encoder.fingerprint, "index": generation.version}
    finally:
        generation.release()
    watch.lap("encode")
    timing = watch.milliseconds()
    request.state.timing_ms = timing
    request.state.log = {"texts": len(asked.texts), "side": asked.side}
    lengths = np.linalg.norm(vectors, axis=1)
    body: dict[str, Any] = {
        "request_id": request.state.request_id,
        "side": asked.side,
        "vectors": vectors,
        "dims": vectors.shape[1],
        "normalized": bool((abs(lengths - 1.0) < _UNIT).all()),
        **stamp,
        "timing_ms": timing,
    }
    return Json(
        orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY),
        headers={
            "Server-Timing": answers.server_timing(timing),
            "Cache-Control": "no-store",
        },
    )


def _check(asked: EmbedParameters, most: int) -> None:
    """Raises RequestError (422) when there are too many texts, or one is empty or too long."""
    if len(asked.texts) > most:
        raise RequestError.invalid([Fault("#/texts", f"at most {most} texts are expected")])
    faults = [
        Fault(f"#/texts/{number}", message)
        for number, text in enumerate(asked.texts)
        for message, wrong in (
            (f"at most {MAX_CHARACTERS} characters are expected", len(text) > MAX_CHARACTERS),
            ("nothing but white space or control characters", not normalise(text)),
        )
        if wrong
    ]
    if faults:
        raise RequestError.invalid(faults)


def _vectors(encoded: list[Encoded]) -> NDArray[np.float32]:
    """All of them, (n, dim). Raises Overloaded, ServingError for the first that is missing."""
    vectors = []
    for one in encoded:
        if one.reason == "queue_full":
            metrics.SHED.labels("queue_full").inc()
            raise Overloaded("the encoder has all the texts it can take")
        if one.vector is None:
            raise ServingError("the encoder is out of order", hint="Try again in a moment.")
        vectors.append(one.vector)
    return np.stack(vectors)

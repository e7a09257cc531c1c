"""`/v1/products`: products looked up, added, changed and taken away while the index serves."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.datastructures import Headers

from catalog.errors import Overloaded
from index.live.updates import Delete, Put
from service import metrics, product_lines
from service.address import no_query_string, refuse_query_string
from service.keys import require_admin, require_search
from service.openapi import problems
from service.openapi_examples import lines
from service.parameters import require_json
from service.problems import Fault, Problem, RequestError
from service.product_bulk import LINE_TYPES, NDJSON, many
from service.product_schemas import BulkStatus, ChangedProduct, OneProduct
from service.search import Json
from service.state import admission_of, live_index, settings_of, updates_of
from service.updates import Applied


class _AnyText(PathConvertor):
    """An id as shops write them: with slashes, and with line ends if need be."""

    regex = "(?s:.*)"


register_url_convertor("any", _AnyText())
PATH = "/v1/products"
ONE = PATH + "/{id:any}"
_EXAMPLE = {"id": "sku-1", "title": "Oat milk 1 l", "brand": "Oatly", "price": 2.49, "stock": 12}
# Declared here: FastAPI would add its own error shape to a route with a parameter of its making.
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the product, percent-encoded; slashes may stand as they are.",
    "schema": {"type": "string"},
}
router = APIRouter(tags=["products"])
_WRITES = [Depends(require_admin), Depends(no_query_string)]


def _body(kind: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {kind: {"schema": schema, "example": example}}


@router.get(
    ONE,
    summary="One product as it stands",
    response_class=Json,
    responses={
        200: {"model": OneProduct},
        **problems(401, 404, 405, 422, 429, 503, path=f"{PATH}/sku-1"),
    },
    openapi_extra={"parameters": [_ID]},
)
async def product(request: Request) -> Response:
    """The product as searches of this worker show it, with the number of the last update in it."""
    require_search(request)
    refuse_query_string(request)
    if admission_of(request.app).is_full():
        metrics.SHED.labels("queue_full").inc()
        raise Overloaded("this worker has all it can do", hint="Try again shortly.")
    generation, name = live_index(request.app).generation, request.path_params["id"]
    store = generation.engine.bundle.store
    row = store.row(name)
    if row is None:
        raise _no_such_product(name)
    return Json(
        orjson.dumps(
            {
                "request_id": request.state.request_id,
                "id": name,
                "fields": store.fetch(row),
                "index": {"version": generation.version, "sequence": generation.sequence},
            }
        ),
        headers={"Cache-Control": "no-store"},
    )


@router.patch(
    ONE,
    summary="Change a product in part",
    response_class=Json,
    dependencies=_WRITES,
    responses={
        200: {"model": ChangedProduct},
        **problems(401, 403, 404, 405, 409, 413, 415, 422, 429, 503, path=f"{PATH}/sku-1"),
    },
    openapi_extra={
        "parameters": [_ID],
        "requestBody": {
            "required": True,
            "content": _body("application/json", {"type": "object"}, {"price": 2.29, "stock": 0}),
        },
    },
)
async def patch(request: Request) -> Response:
    """A merge patch (RFC 7396): null takes a field away.

    On disk, and seen by the next search, when it is answered. A change of price, stock, popularity
    or values encodes nothing.
    """
    updates, name = updates_of(request.app), request.path_params["id"]
    with updates.place():
        _require_json(request.headers)
        value = product_lines.read_json(await request.body())
        update = product_lines.read_patch(value, name, _columns(request))
        return _changed(request, await updates.apply([update]))


@router.delete(
    ONE,
    summary="Take a product away",
    response_class=Json,
    dependencies=_WRITES,
    responses={
        200: {"model": ChangedProduct},
        **problems(401, 403, 405, 409, 422, 429, 503, path=f"{PATH}/sku-1"),
    },
    openapi_extra={"parameters": [_ID]},
)
async def delete(request: Request) -> Response:
    """The next search does not find it. Of a product that is not there the outcome is `not_found`.

    That is no error, so that a request whose answer was lost can be sent again.
    """
    updates, name = updates_of(request.app), request.path_params["id"]
    if not name.strip():
        raise RequestError.invalid([Fault("#/id", "The id of a product is expected.")])
    with updates.place():
        return _changed(request, await updates.apply([Delete(name)]))


@router.post(
    PATH,
    summary="Add or replace products",
    response_class=Json,
    dependencies=_WRITES,
    responses={
        200: {
            "model": ChangedProduct,
            "content": {
                NDJSON: {"schema": BulkStatus.model_json_schema(), "examples": lines("post")}
            },
        },
        **problems(401, 403, 405, 409, 413, 415, 422, 429, 503, path=PATH),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                **_body("application/json", {"type": "object"}, _EXAMPLE),
                **_body(NDJSON, {"type": "string"}, orjson.dumps(_EXAMPLE).decode() + "\n"),
            },
        }
    },
)
async def post(request: Request) -> Response:
    """One product as JSON, or many as NDJSON with a status for each line.

    A line is a product, `{"patch": {"id": …}}` or `{"delete": "id"}`. Statuses come while the work
    goes on, each once its line is on disk and searches see it.
    """
    updates = updates_of(request.app)
    if _media(request.headers) in LINE_TYPES:
        return await many(request, updates, _columns(request))
    with updates.place():
        _require_json(request.headers)
        body = await request.body()
        most = settings_of(request.app).limits.body_bytes
        if len(body) > most:
            raise RequestError.too_large(most)
        found = product_lines.read_product(product_lines.read_json(body), _columns(request))
        return _changed(request, await updates.apply([Put(found)]))


def _changed(request: Request, applied: Applied) -> Response:
    (status,) = applied.statuses
    if status.outcome == "invalid":
        raise RequestError.invalid([Fault("#", status.error)])
    if status.outcome == "not_found" and request.method == "PATCH":
        raise _no_such_product(status.id)
    body = {
        "request_id": request.state.request_id,
        "id": status.id,
        "outcome": status.outcome,
        "index": {"version": applied.version, "sequence": applied.sequence},
    }
    return Json(orjson.dumps(body), headers={"Cache-Control": "no-store"})


def _columns(request: Request) -> Any:
    return live_index(request.app).generation.engine.bundle.columns


def _media(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _require_json(headers: Headers) -> None:
    if _media(headers) != "application/merge-patch+json":
        require_json(headers)


def _no_such_product(name: str) -> RequestError:
    return RequestError(Problem(404, "no_such_product", f"There is no product {name[:200]!r}."))

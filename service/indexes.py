"""The admin routes of the index: which versions there are, serve another, go back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request

from catalog.errors import BundleError, MissingFile
from index.versions import before_live, find_version, list_versions, live
from service.address import no_query_string
from service.keys import require_admin
from service.live import LiveIndex
from service.openapi import problems
from service.operation_schemas import Indexes, Published
from service.problems import Problem, RequestError
from service.state import live_index

PATH = "/v1/indexes"
# Declared here: FastAPI would add its own error shape to a route with a parameter of its making.
_VERSION = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "Name of the version, as `GET /v1/indexes` lists it.",
    "schema": {"type": "string"},
}
router = APIRouter(tags=["admin"], dependencies=[Depends(require_admin), Depends(no_query_string)])


@router.get(
    PATH,
    summary="Versions of the index",
    response_model=Indexes,
    responses=problems(401, 403, 405, 409, 422, 503, path=PATH),
)
async def indexes(request: Request) -> dict[str, Any]:
    """Every version of the root, newest first; `serving` is what this worker answers from."""
    index = live_index(request.app)
    root = _root(index)
    try:
        previous = before_live(root)
    except MissingFile:
        previous = None
    return {
        "serving": index.generation.version,
        "live": live(root),
        "previous": previous,
        "versions": [
            {
                "version": version.name,
                "live": version.live,
                "created": version.created,
                "products": version.products,
                "calibration": version.calibration,
                "problem": version.problem,
            }
            for version in list_versions(root)
        ],
    }


@router.post(
    PATH + "/{version}:publish",
    summary="Serve another version",
    response_model=Published,
    responses=problems(401, 403, 404, 405, 409, 422, 503, path=PATH + "/v:publish"),
    openapi_extra={"parameters": [_VERSION]},
)
async def publish(request: Request) -> dict[str, Any]:
    """Open, verify and warm up a version, then serve it and make it the live one.

    Refused with 409 when it must not serve; the one before then serves on. Other workers follow
    within `GRADUS_RELOAD__WATCH_SECONDS`.
    """
    return await _publish(live_index(request.app), request.path_params["version"])


@router.post(
    PATH + ":rollback",
    summary="Serve the version before",
    response_model=Published,
    responses=problems(401, 403, 404, 405, 409, 422, 503, path=PATH + ":rollback"),
)
async def rollback(request: Request) -> dict[str, Any]:
    """Publish what was live before the live version. A second call comes back to where you were."""
    index = live_index(request.app)
    try:
        version = before_live(_root(index))
    except MissingFile as error:
        raise _no_such_version(error) from error
    return await _publish(index, version)


async def _publish(index: LiveIndex, name: str) -> dict[str, Any]:
    root, before = _root(index), index.generation.version
    try:
        directory = find_version(root, name)
    except MissingFile as error:
        raise _no_such_version(error) from error
    try:
        drift = await index.publish(directory)
    except BundleError as error:
        raise RequestError(Problem(409, "index_refused", str(error))) from error
    return {"serving": name, "before": before, "drift": drift and asdict(drift)}


def _root(index: LiveIndex) -> Path:
    if index.root is None:
        detail = "The service was started on one version of an index; start it on the root instead."
        raise RequestError(Problem(409, "no_versions", detail))
    return index.root


def _no_such_version(error: MissingFile) -> RequestError:
    return RequestError(Problem(404, "no_such_version", str(error)))

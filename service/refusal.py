"""Answers that the protocol writes by itself, to requests that never reach the application."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

import orjson

from service.counting import UNMATCHED, method_label
from service.problems import MEDIA_TYPE, Problem


class Target(NamedTuple):
    """What a request asked for, as far as it was read: for its answer, metrics and log line."""

    method: str = "other"
    path: str = ""
    route: str = UNMATCHED


NOWHERE = Target()


def target(method: bytes, url: bytes, routes: Collection[str]) -> Target:
    """The target of a request line; `routes` are the paths of routes that have no parameters."""
    path = url.partition(b"?")[0].decode("latin-1")
    if "%" in path:
        path = unquote(path)
    return Target(
        method_label(method.decode("latin-1")), path, path if path in routes else UNMATCHED
    )


def written(
    problem: Problem, asked: Target, request_id: str, *, keep_alive: bool, more: str = ""
) -> bytes:
    """The bytes of the answer; `more` are further header lines."""
    body = orjson.dumps(problem.body(path=asked.path, request_id=request_id))
    more += "".join([f"{name}: {value}\r\n" for name, value in problem.headers.items()])
    head = (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
        f"content-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\n"
        f"x-request-id: {request_id}\r\n"
        "x-content-type-options: nosniff\r\n"
        f"{more}"
        f"{'' if keep_alive else 'connection: close' + chr(13) + chr(10)}\r\n"
    ).encode("ascii")
    return head if asked.method == "HEAD" else head + body

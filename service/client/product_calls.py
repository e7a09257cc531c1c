"""Products looked up, added, changed and taken away: one at a time, or line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from service.client.calls import Call, got, posted, reader, to_json
from service.client.decoding import decode
from service.client.errors import BadAnswer, NoAnswer
from service.client.product_results import BulkStatus, ChangedProduct, OneProduct

PATH = "/v1/products"
# Below what a service takes by default: the statuses of a body come when it is whole.
LINES = 1000
BYTES = 1 << 20


@dataclass(frozen=True)
class Put:
    """Add a product, or replace the one with its `id`; fields as in a product file."""

    product: Mapping[str, Any]


@dataclass(frozen=True)
class Patch:
    """Change fields of a product; None takes a field away (RFC 7396)."""

    id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Delete:
    """Take a product away."""

    id: str


Change = Put | Patch | Delete


@dataclass(frozen=True)
class Body:
    """Some changes as NDJSON; `before` of them went in earlier bodies."""

    data: bytes
    lines: int
    before: int


def product(name: str) -> Call[OneProduct]:
    """`GET /v1/products/{id}`."""
    return got(_path(name), OneProduct)


def put(fields: Mapping[str, Any]) -> Call[ChangedProduct]:
    """`POST /v1/products` with one product; the same one twice is the same as once."""
    return posted(PATH, ChangedProduct, fields)


def patch(name: str, fields: Mapping[str, Any]) -> Call[ChangedProduct]:
    """`PATCH /v1/products/{id}`; not repeated, for another change may have come between."""
    return Call(
        "PATCH",
        _path(name),
        reader(ChangedProduct),
        content=to_json(fields),
        headers={"Content-Type": "application/json"},
        repeatable=False,
    )


def delete(name: str) -> Call[ChangedProduct]:
    """`DELETE /v1/products/{id}`."""
    return Call("DELETE", _path(name), reader(ChangedProduct))


def bulk(body: Body) -> Call[httpx.Response]:
    """`POST /v1/products` with many changes; the answer is left to be read line by line."""
    headers = {"Content-Type": "application/x-ndjson", "Accept": "application/x-ndjson"}
    return Call(
        "POST",
        PATH,
        _itself,
        content=body.data,
        headers=headers,
        repeatable=False,
        streamed=True,
    )


def bodies(changes: Iterable[Change], most_lines: int, most_bytes: int) -> Iterator[Body]:
    """The changes in bodies of bounded size, in their order; taken in only as they are sent."""
    lines: list[bytes] = []
    size = before = 0
    for change in changes:
        line = to_json(_line(change)) + b"\n"
        if lines and (len(lines) >= most_lines or size + len(line) > most_bytes):
            yield Body(b"".join(lines), len(lines), before)
            before, size, lines = before + len(lines), 0, []
        lines.append(line)
        size += len(line)
    if lines:
        yield Body(b"".join(lines), len(lines), before)


class Statuses:
    """The statuses of one body out of the pieces in which its answer comes."""

    def __init__(self, body: Body) -> None:
        self._body, self._rest, self._count = body, b"", 0

    def of(self, piece: bytes) -> Iterator[BulkStatus]:
        """Those that are whole with this piece; `line` counts over all bodies, from 1."""
        # By line feeds alone: a text in JSON may hold other characters that end a line.
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in filter(None, whole):
            self._count += 1
            yield _status(line, self._body.before)

    def check(self) -> None:
        """Raises NoAnswer unless there was a status for every line."""
        if self._count < self._body.lines:
            raise NoAnswer(
                "the answer ended early; what became of the other lines is not known",
                where=f"POST {PATH}",
                expected=f"{self._body.lines} statuses",
                found=str(self._count),
                hint="Send the lines that have no status again.",
            )


def _status(line: bytes, before: int) -> BulkStatus:
    try:
        members = json.loads(line)
        return decode(BulkStatus, {**members, "line": members["line"] + before})
    except (ValueError, TypeError, KeyError) as error:
        raise BadAnswer("a status line is not of the shape that this client knows") from error


def _line(change: Change) -> Mapping[str, Any]:
    if isinstance(change, Put):
        return {"put": change.product}
    if isinstance(change, Patch):
        return {"patch": {**change.fields, "id": change.id}}
    return {"delete": change.id}


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"


def _itself(response: httpx.Response) -> httpx.Response:
    return response

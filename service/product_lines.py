"""Products and changes to them as clients send them, one JSON value or one a line.

The reader of catalogue files decides what a product is, strictly: what that would skip or leave out
is refused here, and so is a field that it does not know and a value of another kind than the
index has in that column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import orjson

from catalog.errors import CatalogError
from catalog.model import Product
from catalog.products import parse_product
from catalog.typed import Kind, scalar
from catalog.values import FieldError
from index.filtering.columns import Columns
from index.live.updates import Delete, Patch, Put, Update
from service.problems import Fault, RequestError, pointer
from service.twice import given_twice

FIELDS = tuple(field.name for field in fields(Product))
_NUMBERS = ("price", "stock", "popularity")
_ADVICE = {
    "id": "Give the product the id that the shop knows it by.",
    "title": "Give it a title: products are found by their words.",
    **dict.fromkeys(_NUMBERS, "Send a number from 0, or leave it out."),
}
_MOST = 2**53  # of a stock, which columns keep as float64
_ACTIONS = ("put", "patch", "delete")


@dataclass(frozen=True)
class Line:
    """One line of a body, from 1: an update, or what is wrong with it."""

    number: int
    id: str
    update: Update | None = None
    faults: tuple[Fault, ...] = ()


def read_json(body: bytes) -> Any:
    """One JSON value. Raises RequestError (422)."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError.broken_json([Fault("#", str(error))]) from error
    twice = given_twice(body, len(value) if isinstance(value, dict) else 0)
    if twice:
        raise RequestError.invalid(twice)
    return value


def read_product(value: Any, columns: Columns) -> Product:
    """A product of layout `gradus`. Raises RequestError (422)."""
    faults = _faults(value, columns)
    if not faults:
        given = {name for name, each in value.items() if each is not None}
        faults = [
            Fault(f"#/{name}", _ADVICE[name]) for name in ("id", "title") if name not in given
        ]
    if faults:
        raise RequestError.invalid(faults)
    try:
        return parse_product(value)
    except CatalogError as error:
        raise RequestError.invalid([Fault("#", error.what)]) from error


def read_patch(value: Any, name: str, columns: Columns) -> Patch:
    """A merge patch of the product `name`. Raises RequestError (422).

    Whether the product is still one with it is the index's to say: it knows the other fields.
    """
    faults = _faults(value, columns)
    if not faults:
        if value.get("id", name) != name:
            advice = "The id of a product cannot be changed. Delete the product and add another."
            faults.append(Fault("#/id", advice))
        if value.get("title", "") is None:
            faults.append(Fault("#/title", _ADVICE["title"]))
    if faults:
        raise RequestError.invalid(faults)
    return Patch(name, value)


def read_lines(body: bytes, columns: Columns, longest: int) -> Iterator[Line]:
    """The lines of a body; empty ones are passed over. `longest` line in bytes.

    A line is a product, or one of {"put": product}, {"patch": {"id": …}}, {"delete": id}.
    """
    for number, raw in enumerate(body.split(b"\n"), 1):
        if not raw.strip():
            continue
        if len(raw) > longest:
            detail = f"The line has {len(raw)} bytes; at most {longest} are taken."
            yield Line(number, "", faults=(Fault("#", detail),))
            continue
        name = ""
        try:
            value = read_json(raw)
            name = _named(value)
            yield Line(number, name, _update(value, columns))
        except RequestError as error:
            yield Line(number, name, faults=tuple(error.problem.faults))


def _update(value: Any, columns: Columns) -> Update:
    action = _action(value)
    if action is None:
        return Put(read_product(value, columns))
    inner = value[action]
    if action == "put":
        return Put(read_product(inner, columns))
    if action == "delete":
        if not isinstance(inner, str) or not inner:
            raise RequestError.invalid([Fault("#/delete", "The id of a product is expected.")])
        return Delete(inner)
    name = inner.get("id") if isinstance(inner, dict) else None
    if not isinstance(name, str) or not name:
        raise RequestError.invalid([Fault("#/patch/id", "Say which product is to be changed.")])
    return read_patch(inner, name, columns)


def _action(value: Any) -> str | None:
    """`put`, `patch` or `delete` when the line is an object of that alone."""
    if isinstance(value, dict) and len(value) == 1:
        (name,) = value
        return name if name in _ACTIONS else None
    return None


def _named(value: Any) -> str:
    action = _action(value)
    inner = value if action is None else value[action]
    name = inner.get("id", "") if isinstance(inner, dict) else inner
    return name if isinstance(name, str) else ""


def _faults(value: Any, columns: Columns) -> list[Fault]:
    """What the reader of files would pass over without a word."""
    if not isinstance(value, dict):
        return [Fault("#", "A JSON object is expected.")]
    unknown = [name for name in value if name not in FIELDS]
    if unknown:
        known = f"Unknown field; known are {', '.join(FIELDS)}. Columns of your own go to `values`."
        return [Fault(pointer([name]), known) for name in unknown[:20]]
    return [
        *(fault for name, each in value.items() if (fault := _fault(name, each)) is not None),
        *_of_another_kind(value.get("values"), columns),
    ]


def _fault(name: str, value: Any) -> Fault | None:
    """What the reader of files finds wrong with one field by itself."""
    if value is None:
        return None
    try:
        product = parse_product({"id": "x", "title": "x", name: value})
        if (product.stock or 0) > _MOST:
            raise CatalogError(f"stock: at most {_MOST} can be kept")
    except CatalogError as error:
        # The pointer names the field already.
        what = error.what.removeprefix(f"{name}: ").removesuffix("; left out")
        return Fault(pointer([name]), f"{what}. {_ADVICE[name]}" if name in _ADVICE else what)
    return None


def _of_another_kind(values: Any, columns: Columns) -> Iterator[Fault]:
    if not isinstance(values, dict):
        return
    for name, value in values.items():
        column = columns.get(name)
        if column is not None and not _fits(value, column.kind):
            detail = f"A {column.kind} is expected: the index has this column so."
            yield Fault(pointer(["values", name]), detail)


def _fits(value: Any, kind: Kind) -> bool:
    try:
        for each in value if isinstance(value, list) else [value]:
            scalar(each, kind)
    except FieldError:
        return False
    return True

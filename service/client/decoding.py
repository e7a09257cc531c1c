"""JSON into frozen dataclasses, by their annotations.

Members that a class does not know are passed over, so that an older client reads a newer service;
members that are missing or of another type raise BadAnswer with a pointer to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from service.client.errors import BadAnswer

T = TypeVar("T")


def decode(kind: type[T], value: Any, pointer: str = "#") -> T:
    """`value`, as the JSON parser gave it, as an instance of `kind`. Raises BadAnswer."""
    found: T = _decoded(kind, value, pointer)
    return found


def _decoded(kind: Any, value: Any, pointer: str) -> Any:
    origin = get_origin(kind)
    if kind is Any:
        return value
    if origin in (Union, UnionType):
        return _one_of(get_args(kind), value, pointer)
    if origin is Literal:
        # A word that a later service has made up is passed on as it is.
        return _checked(str, value, pointer)
    if origin is tuple:
        inner = get_args(kind)[0]
        items = _checked(list, value, pointer)
        return tuple(_decoded(inner, item, f"{pointer}/{at}") for at, item in enumerate(items))
    if origin is not None and issubclass(origin, Mapping):
        inner = get_args(kind)[1]
        items = _checked(dict, value, pointer)
        return {key: _decoded(inner, item, f"{pointer}/{key}") for key, item in items.items()}
    if is_dataclass(kind):
        return _instance(kind, value, pointer)
    return _checked(kind, value, pointer)


def _instance(kind: Any, value: Any, pointer: str) -> Any:
    members = _checked(dict, value, pointer)
    given = {}
    for field, annotation in _layout(kind):
        name = field.name.rstrip("_")  # `from_` is called `from`
        if name in members:
            given[field.name] = _decoded(annotation, members[name], f"{pointer}/{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _wrong(f"{pointer}/{name}", "a member", "none")
    return kind(**given)


@cache
def _layout(kind: Any) -> tuple[tuple[Field[Any], Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field, hints[field.name]) for field in fields(kind))


def _one_of(kinds: tuple[Any, ...], value: Any, pointer: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    rest = [kind for kind in kinds if kind is not NoneType]
    for kind in rest[:-1]:
        try:
            return _decoded(kind, value, pointer)
        except BadAnswer:
            continue
    return _decoded(rest[-1], value, pointer)


def _checked(kind: type[Any], value: Any, pointer: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or (kind in (int, float) and isinstance(value, bool)):
        raise _wrong(pointer, kind.__name__, type(value).__name__)
    return value


def _wrong(pointer: str, expected: str, found: str) -> BadAnswer:
    return BadAnswer(
        "the answer is not of the shape that this client knows",
        where=pointer,
        expected=expected,
        found=found,
        hint="Client and service may be of different versions; /info names the service's.",
    )

"""Typed columns: fields of a shop's own that can be filtered, counted and sorted by.

A layout declares them, one line a column:

    [columns]
    rating = { type = "number", from = "stars | average_rating" }
    added = { type = "date", from = "created_at" }
    organic = { type = "boolean" }                                  # from a column of that name
    tags = { type = "keyword", many = true, separator = "," }       # several values a product
    width = { type = "number", from = "attributes.overall width" }  # an attribute of that name
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from catalog.errors import CatalogError
from catalog.moments import iso, moment
from catalog.values import FieldError, text

Kind = Literal["keyword", "number", "boolean", "date"]
Scalar = str | float | bool
Value = Scalar | Sequence[Scalar]

OWN = (
    "id title brand category attributes description price stock popularity values in_stock".split()  # noqa: SIM905
)
ATTRIBUTE = "attributes."
_YES, _NO = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})


@dataclass(frozen=True)
class TypedColumn:
    """One declared column: its kind and where its values come from.

    With `many` a product may have several values: a list, or a text cut at `separator`.
    """

    kind: Kind
    source: tuple[str, ...]
    many: bool = False
    separator: str = ","

    @property
    def attribute(self) -> str | None:
        """Name of the attribute that the values come from, None when they have a column."""
        first = self.source[0]
        return first.removeprefix(ATTRIBUTE) if first.startswith(ATTRIBUTE) else None


def parse_typed(body: Any, name: str) -> Mapping[str, TypedColumn]:
    """The table `[columns]` of a layout. Raises CatalogError, with `name` as where."""
    if not isinstance(body, dict):
        raise CatalogError("`columns` must be a table", where=name)
    return {column: _declared(column, entry, name) for column, entry in body.items()}


def declared_kinds(tables: Iterable[Mapping[str, TypedColumn]]) -> Mapping[str, Kind]:
    """The kind of every column that some layouts declare. Raises CatalogError where they differ."""
    kinds: dict[str, Kind] = {}
    for table in tables:
        for name, column in table.items():
            if kinds.setdefault(name, column.kind) != column.kind:
                raise CatalogError(
                    f"two layouts declare column {name!r} with different types",
                    found=f"{kinds[name]} and {column.kind}",
                    hint="Give them one type, or two names.",
                )
    return kinds


def typed_value(value: Any, column: TypedColumn) -> Value | None:
    """A raw value as the column's kind wants it, None for nothing; dates as ISO text.

    Raises FieldError when it cannot be.
    """
    if not column.many:
        return scalar(value, column.kind)
    parts = value if isinstance(value, list | tuple) else text(value).split(column.separator)
    found = [each for part in parts if (each := scalar(part, column.kind)) is not None]
    return list(dict.fromkeys(found)) or None


def scalar(value: Any, kind: Kind) -> Scalar | None:
    """One raw value, None for nothing. Raises FieldError."""
    if isinstance(value, bool) and kind == "boolean":
        return value
    if isinstance(value, date) and kind == "date":  # Parquet has dates and times of its own
        return _date(value.isoformat())
    written = text(value)
    if not written:
        return None
    readers: Mapping[Kind, Callable[[str], Scalar]] = {
        "keyword": str,
        "number": _number,
        "boolean": _truth,
        "date": _date,
    }
    return readers[kind](written)


def open_values(value: Any) -> Mapping[str, Value]:
    """An object of values whose kinds are those JSON gives them: the `values` of our own form.

    Raises FieldError when it is no object of texts, numbers, truth values or lists of these.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FieldError(f"values: an object is expected, not {str(value)[:40]!r}")
    for key in value:
        if key in OWN:
            raise FieldError(f"values: {key!r} is a field of every product")
    return {str(key): kept for key, each in value.items() if (kept := _open(key, each)) is not None}


def _open(key: str, value: Any) -> Value | None:
    if isinstance(value, list):
        return [each for part in value if (each := _open_scalar(key, part)) is not None] or None
    return _open_scalar(key, value)


def _open_scalar(key: str, value: Any) -> Scalar | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if value is None or isinstance(value, str):
        return text(value) or None
    raise FieldError(f"values: {key[:40]!r} holds {type(value).__name__}, not a plain value")


def _number(value: str | float) -> float:
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise FieldError(f"a number is expected, not {str(value)[:40]!r}") from None
    if not math.isfinite(found):
        raise FieldError(f"a finite number is expected, not {str(value)[:40]!r}")
    return found


def _truth(value: str) -> bool:
    word = value.casefold()
    if word not in _YES | _NO:
        raise FieldError(f"true or false is expected, not {value[:40]!r}")
    return word in _YES


def _date(value: str) -> str:
    try:
        return iso(moment(value).seconds)
    except ValueError:
        raise FieldError(f"a date like 2026-01-31 is expected, not {value[:40]!r}") from None


def _declared(column: str, entry: Any, name: str) -> TypedColumn:
    where = f"{name}, [columns] {column}"
    if column in OWN:
        raise CatalogError("this is a field of every product", where=where, hint="Rename it.")
    if not isinstance(entry, dict) or not set(entry) <= {"type", "from", "many", "separator"}:
        raise CatalogError(
            "a column is a table", where=where, expected="type, and maybe from, many, separator"
        )
    many, separator = entry.get("many", False), entry.get("separator", ",")
    kind: Kind = entry.get("type", "")
    if kind not in get_args(Kind):
        raise CatalogError(
            "there is no such type",
            where=where,
            expected=f"one of {', '.join(get_args(Kind))}",
            found=repr(kind),
        )
    if not isinstance(many, bool):
        raise CatalogError("`many` is true or false", where=where, found=repr(many))
    if not isinstance(separator, str) or not separator:
        raise CatalogError("`separator` is a text", where=where, found=repr(separator))
    source = entry.get("from", column)
    parts = tuple(part.strip() for part in source.split(" | ")) if isinstance(source, str) else ()
    if not parts or not all(parts):
        raise CatalogError("`from` names a column", where=where, found=repr(source))
    return TypedColumn(kind, parts, many, separator)

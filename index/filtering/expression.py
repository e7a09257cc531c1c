"""What a filter says, as a tree; `at` is a place in its text, from 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from catalog.errors import QueryError
from catalog.moments import Moment

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "IN", "EXISTS"]


@dataclass(frozen=True)
class Constant:
    """A value as written: a text, a number, a truth value or a date without quotes."""

    value: str | float | bool | Moment
    at: int


@dataclass(frozen=True)
class Field:
    """Name of a column."""

    name: str
    at: int


@dataclass(frozen=True)
class Condition:
    """One field compared; `IN` has one constant or more, `EXISTS` none, the others one."""

    field: Field
    operator: Operator
    constants: tuple[Constant, ...] = ()


@dataclass(frozen=True)
class Every:
    """All parts hold."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Some:
    """A part holds, or several do."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Never:
    """The part does not hold."""

    part: Expression


Expression = Condition | Every | Some | Never


def wrong(what: str, at: int, *, expected: str = "", found: str = "", hint: str = "") -> QueryError:
    """The error for a filter that goes wrong at place `at`, which people count from 1."""
    return QueryError(
        f"{what} at character {at + 1}", where="filter", expected=expected, found=found, hint=hint
    )

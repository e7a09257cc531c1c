"""Which products a filter lets through: an expression held against typed columns.

A condition holds for a product when one of its values fits; a product without a value fits none.
`a != x` is NOT `a = x` and `NOT` is plain negation, so both keep products without a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from catalog.moments import DAY, Moment, moment
from catalog.text import normalise
from catalog.typed import scalar
from catalog.values import FieldError
from index.filtering.columns import Column, Columns, Mask
from index.filtering.expression import (
    Condition,
    Constant,
    Every,
    Expression,
    Field,
    Never,
    Operator,
    wrong,
)

ID = "id"
_ORDERS: Sequence[Operator] = ("<", "<=", ">", ">=")
_WANTED = {
    "keyword": 'a "text" in quotes',
    "number": "a number",
    "boolean": "true or false",
    "date": "a date like 2026-01-31",
}
_HELD = {"keyword": "texts", "number": "numbers", "boolean": "true or false", "date": "dates"}


class Matcher:
    """Holds expressions against the columns of one index."""

    def __init__(self, columns: Columns, row_of: Callable[[str], int | None]) -> None:
        """`row_of` finds a product by its id, which is a field without a column."""
        self._columns = columns
        self._row_of = row_of

    def mask(self, expression: Expression) -> Mask:
        """(products,) whether each passes.

        Raises QueryError for an unknown field, or a value or comparison that its type has not.
        """
        if isinstance(expression, Condition):
            return self._condition(expression)
        if isinstance(expression, Never):
            return ~self.mask(expression.part)
        joined = np.logical_and if isinstance(expression, Every) else np.logical_or
        mask: Mask = reduce(joined, [self.mask(part) for part in expression.parts])
        return mask

    def _condition(self, condition: Condition) -> Mask:
        if condition.operator == "!=":
            same = Condition(condition.field, "=", condition.constants)
            return ~self._condition(same)
        if condition.field.name == ID:
            return self._by_id(condition)
        column = self._column(condition.field)
        if condition.operator == "EXISTS":
            return column.mask()
        if condition.operator in _ORDERS and column.kind in {"keyword", "boolean"}:
            raise _no_order(condition, _HELD[column.kind])
        if column.kind == "keyword":
            return column.mask(_of_texts(column, condition))
        if column.kind == "date":
            return column.mask(_of_dates(column, condition))
        return column.mask(_of_numbers(column, condition))

    def _column(self, field: Field) -> Column:
        column = self._columns.find(field.name)
        if column is None:
            near = self._columns.alike(field.name)
            known = ", ".join(self._columns.names()[:30])
            raise wrong(
                f"there is no field {field.name[:60]!r}",
                field.at,
                expected=f"one of id, {known}",
                hint=f"Did you mean {near}?" if near else "",
            )
        return column

    def _by_id(self, condition: Condition) -> Mask:
        if condition.operator in _ORDERS:
            raise _no_order(condition, "texts")
        mask = np.full(self._columns.products, condition.operator == "EXISTS")
        for constant in condition.constants:
            row = self._row_of(_text(ID, constant))
            if row is not None:
                mask[row] = True
        return mask


def _of_texts(column: Column, condition: Condition) -> Mask:
    texts = (normalise(_text(column.name, constant)) for constant in condition.constants)
    numbers = [column.number_of[text] for text in texts if text in column.number_of]
    if len(numbers) == 1:
        return _compared(column.values, "=", numbers[0])
    chosen = np.zeros(len(column.labels), np.bool_)
    chosen[numbers] = True
    mask: Mask = chosen.take(column.values)
    return mask


def _of_numbers(column: Column, condition: Condition) -> Mask:
    wanted = []
    for constant in condition.constants:
        if isinstance(constant.value, bool) is not (column.kind == "boolean") or not isinstance(
            constant.value, float | bool
        ):
            raise _wrong_type(column, constant)
        wanted.append(float(constant.value))
    if condition.operator == "IN":
        return np.isin(column.values, wanted)
    return _compared(column.values, condition.operator, wanted[0])


def _of_dates(column: Column, condition: Condition) -> Mask:
    """A date without a time is the whole day: `=` within it, `<` before it, `<=` to its end."""
    masks = []
    for constant in condition.constants:
        when = _moment(column, constant)
        end = when.seconds + (DAY if when.whole_day else 0.0)
        if condition.operator in {"=", "IN"} and when.whole_day:
            masks.append((column.values >= when.seconds) & (column.values < end))
        elif condition.operator in {"<=", ">"} and when.whole_day:
            before = column.values < end
            masks.append(before if condition.operator == "<=" else ~before)
        else:
            operator = "=" if condition.operator == "IN" else condition.operator
            masks.append(_compared(column.values, operator, when.seconds))
    mask: Mask = reduce(np.logical_or, masks)
    return mask


def _compared(values: NDArray[np.generic], operator: str, wanted: float) -> Mask:
    compare = {
        "=": np.equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }[operator]
    mask: Mask = compare(values, wanted)
    return mask


def _text(name: str, constant: Constant) -> str:
    if not isinstance(constant.value, str):
        raise wrong(
            f"field {name!r} holds texts",
            constant.at,
            expected=_WANTED["keyword"],
            found=_shown(constant),
        )
    return constant.value


def _moment(column: Column, constant: Constant) -> Moment:
    if isinstance(constant.value, Moment):
        return constant.value
    if isinstance(constant.value, str):
        try:
            return moment(constant.value.strip())
        except ValueError:
            pass
    raise _wrong_type(column, constant)


def _wrong_type(column: Column, constant: Constant) -> Exception:
    return wrong(
        f"field {column.name!r} holds {_HELD[column.kind]}",
        constant.at,
        expected=_WANTED[column.kind],
        found=_shown(constant),
        hint="Leave out the quotes." if _bare(column, constant) else "",
    )


def _bare(column: Column, constant: Constant) -> bool:
    """Whether a text would be of the column's kind without its quotes."""
    if not isinstance(constant.value, str):
        return False
    try:
        return scalar(constant.value, column.kind) is not None
    except FieldError:
        return False


def _no_order(condition: Condition, held: str) -> Exception:
    return wrong(
        f"{condition.operator} does not work with field {condition.field.name[:60]!r}, "
        f"which holds {held},",
        condition.field.at,
        expected="=, != or IN",
    )


def _shown(constant: Constant) -> str:
    value = constant.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Moment):
        return "a date"
    return f"the text {value[:40]!r}" if isinstance(value, str) else f"the number {value:g}"

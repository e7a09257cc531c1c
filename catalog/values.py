"""Field values as they come (texts, numbers, lists, nothing) turned into what a product holds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


class FieldError(ValueError):
    """A value that cannot be what its field needs; the message says why."""


def text(value: Any) -> str:
    """A value as text, stripped: `None` is empty, whole floats lose their `.0`, lists are joined.

    Raises:
        FieldError: an object, or a list that holds one or another list.

    """
    if isinstance(value, str):
        return value.strip()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple) and not any(isinstance(v, list | tuple) for v in value):
        return ", ".join(part for part in map(text, value) if part)
    raise FieldError(f"a text is expected, not {_name(value)}")


def number(value: Any) -> float | None:
    """A finite number >= 0, or `None` for nothing.

    Raises:
        FieldError: no number, negative, NaN or infinite.

    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        found = _number_like(value)
    else:
        found = _float(value)
    if not math.isfinite(found):
        raise FieldError(f"a finite number is expected, not {value!r}")
    if found < 0:
        raise FieldError(f"a number from 0 is expected, not {value!r}")
    return found


def whole(value: Any) -> int | None:
    """A whole number >= 0, or `None` for nothing.

    Raises:
        FieldError: as `number`, or there is a fraction.

    """
    found = number(value)
    if found is None:
        return None
    if not found.is_integer():
        raise FieldError(f"a whole number is expected, not {value!r}")
    return int(found)


def path(value: Any, separator: str) -> Iterable[str]:
    """Levels of a category path: the parts of a list, or of a text cut at `separator`."""
    parts = value if isinstance(value, list | tuple) else text(value).split(separator)
    return (level for level in map(text, parts) if level)


def _float(value: float | str) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise FieldError(f"a number is expected, not {str(value)[:40]!r}") from None


def _number_like(value: Any) -> float:
    # Parquet decimals come as decimal.Decimal; anything else here is a truth value, list or object.
    if type(value).__name__ == "Decimal":
        return float(value)
    raise FieldError(f"a number is expected, not {_name(value)}")


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a list", tuple: "a list", bool: "a truth value"}
    return names.get(type(value), f"{type(value).__name__} {str(value)[:40]!r}")

"""Parameters that are lists of names: `a,b` in a query string, `"a,b"` or `["a", "b"]` in JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

MOST_NAMES = 100
MOST_CHARACTERS = 200  # of one name


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",") if value.strip() else ()
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError("names are expected: a text with commas between them, or a list of texts")
    names = tuple(name.strip() for name in value)
    if not all(names):
        raise ValueError("a name is empty")
    if len(names) > MOST_NAMES or any(len(name) > MOST_CHARACTERS for name in names):
        raise ValueError(
            f"at most {MOST_NAMES} names of at most {MOST_CHARACTERS} characters are expected"
        )
    return names


def _marked(value: Any) -> tuple[str, ...]:
    if value is True or value == "true":
        return ("title",)
    return () if value is False or value == "false" else _names(value)


Names = Annotated[tuple[str, ...], BeforeValidator(_names, json_schema_input_type=str | list[str])]
Marked = Annotated[
    tuple[str, ...], BeforeValidator(_marked, json_schema_input_type=bool | str | list[str])
]

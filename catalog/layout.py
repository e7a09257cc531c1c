r"""Layouts: which column of a shop's file becomes which field of a product, declared in TOML.

A layout file reads:

    about = "one line for people"
    delimiter = "\t"                      # CSV/TSV only; without it the header line decides

    [fields]                             # "a | b": column a, or b where a is missing or empty
    id = "product_id | id"               # needed
    title = "title"                      # needed
    brand = "brand"
    category = ["department", "type"]    # levels from the top; each is cut at the separator
    description = ["bullets", "text"]    # parts, joined by line ends
    price = "price"                      # as are stock and popularity
    attributes = "features"              # an object, or a text `name: value | name: value`
    values = "values"                    # an object of typed values: texts, numbers, true, lists

    [attributes]                         # single columns that become attributes
    color = "colour | color"

    [columns]                            # typed: see catalog.typed
    rating = { type = "number", from = "stars" }

    [separators]
    category = " > "
    pair = "|"
    name = ":"

    [values.gender]                      # other words for the values of an attribute
    F = "women"

    [keep]                               # only records with one of these values, or no such column
    locale = ["us"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from catalog.errors import CatalogError
from catalog.typed import TypedColumn, parse_typed

Alternatives = tuple[str, ...]

_SINGLE = ("id", "title", "brand", "price", "stock", "popularity", "attributes", "values")
_PARTS = ("category", "description")
_TABLES = ("fields", "attributes", "columns", "separators", "values", "keep")


@dataclass(frozen=True)
class Layout:
    """Where each field of a product comes from; see the module for the file form.

    A field is a tuple of alternative columns, the first that holds something counts. `category`
    and `description` are sequences of such. An empty tuple: the file has no such field.
    """

    name: str
    id: Alternatives
    title: Alternatives
    brand: Alternatives = ()
    category: tuple[Alternatives, ...] = ()
    description: tuple[Alternatives, ...] = ()
    price: Alternatives = ()
    stock: Alternatives = ()
    popularity: Alternatives = ()
    packed: Alternatives = ()
    open_values: Alternatives = ()
    typed: Mapping[str, TypedColumn] = field(default_factory=dict)
    attributes: Mapping[str, Alternatives] = field(default_factory=dict)
    category_separator: str = " > "
    pair_separator: str = "|"
    name_separator: str = ":"
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    delimiter: str = ""
    about: str = ""

    @property
    def columns(self) -> frozenset[str]:
        """Every column that this layout may read."""
        return frozenset(name for group in self._groups() for name in group)

    def _groups(self) -> Iterator[Alternatives]:
        yield from (self.id, self.title, self.brand, self.price, self.stock)
        yield from (self.popularity, self.packed, *self.category, *self.description)
        yield self.open_values
        yield from (column.source for column in self.typed.values())
        yield from self.attributes.values()
        yield tuple(self.keep)


def layout_names() -> list[str]:
    """The layouts that come with Gradus."""
    folder = resources.files("catalog") / "layouts"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def load_layout(name_or_path: str | Path) -> Layout:
    """A layout of ours by name (`gradus`, `esci`, …), or any TOML file by path.

    Raises:
        CatalogError: no such layout, or the file is not a layout.

    """
    if str(name_or_path) in layout_names():
        source = resources.files("catalog") / "layouts" / f"{name_or_path}.toml"
        return parse_layout(source.read_text("utf-8"), str(name_or_path))
    path = Path(name_or_path)
    if path.suffix != ".toml" or not path.is_file():
        raise CatalogError(
            f"there is no layout {str(name_or_path)!r}",
            expected=f"one of {', '.join(layout_names())}, or the path of a .toml file",
            hint="docs/layouts.md describes layouts.",
        )
    try:
        return parse_layout(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"the layout cannot be read: {error}", where=path) from error


def parse_layout(source: str, name: str) -> Layout:
    """A layout from TOML text. Raises CatalogError, with `name` as where, when it is not one."""
    try:
        body = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"the layout is not TOML: {error}", where=name) from error
    _check_keys(body, (*_TABLES, "about", "delimiter"), "the layout", name)
    for table in _TABLES:
        if not isinstance(body.get(table, {}), dict):
            raise CatalogError(f"`{table}` must be a table", where=name)
    fields = body.get("fields", {})
    separators = body.get("separators", {})
    _check_keys(fields, (*_SINGLE, *_PARTS), "[fields]", name)
    _check_keys(separators, ("category", "pair", "name"), "[separators]", name)
    for needed in ("id", "title"):
        if needed not in fields:
            raise CatalogError(f"[fields] names no column for `{needed}`", where=name)
    single = {key: _alternatives(fields[key], name) for key in _SINGLE if key in fields}
    return Layout(
        name=name,
        packed=single.pop("attributes", ()),
        open_values=single.pop("values", ()),
        typed=parse_typed(body.get("columns", {}), name),
        **single,  # type: ignore[arg-type]
        **{key: _parts(fields[key], name) for key in _PARTS if key in fields},  # type: ignore[arg-type]
        attributes={
            key: _alternatives(value, name) for key, value in body.get("attributes", {}).items()
        },
        **{f"{key}_separator": _text(value, name) for key, value in separators.items()},  # type: ignore[arg-type]
        values={key: _words(value, name) for key, value in body.get("values", {}).items()},
        keep={key: _list(value, name) for key, value in body.get("keep", {}).items()},
        delimiter=_delimiter(body.get("delimiter", ""), name),
        about=_text(body.get("about", " "), name).strip(),
    )


def _check_keys(body: Mapping[str, Any], known: tuple[str, ...], part: str, name: str) -> None:
    for key in body:
        if key not in known:
            raise CatalogError(
                f"{part} does not know `{key}`", where=name, expected=", ".join(known)
            )


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise CatalogError("a text is expected", where=name, found=repr(value))
    return value


def _delimiter(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > 1:
        raise CatalogError("`delimiter` must be one character", where=name, found=repr(value))
    return value


def _alternatives(value: Any, name: str) -> Alternatives:
    columns = tuple(part.strip() for part in _text(value, name).split(" | "))
    if not all(columns):
        raise CatalogError("a column name is empty", where=name, found=repr(value))
    return columns


def _parts(value: Any, name: str) -> tuple[Alternatives, ...]:
    parts = value if isinstance(value, list) else [value]
    return tuple(_alternatives(part, name) for part in parts)


def _list(value: Any, name: str) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else [value]
    return tuple(_text(part, name) for part in parts)


def _words(value: Any, name: str) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise CatalogError("[values] holds tables of words", where=name, found=repr(value))
    return {key: _text(word, name) for key, word in value.items()}

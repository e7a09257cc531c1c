"""Department files: what the made-up shop sells, declared in TOML, one department a file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from catalog.errors import CatalogError


@dataclass(frozen=True)
class ProductType:
    """One kind of product. `attributes` maps each axis to its values, small before large.

    `price` is the (lowest, highest) price; `siblings` (substitutes) and `complements` are names
    of other types, as this type declares them: a dresser may stand in for a TV stand while the
    reverse is not said.
    """

    name: str
    department: str
    category: str
    synonyms: tuple[str, ...]
    price: tuple[float, float]
    siblings: tuple[str, ...]
    complements: tuple[str, ...]
    uses: tuple[str, ...]
    features: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Department:
    """The top level of the shop: its brands, its types and how its sellers write."""

    name: str
    brands: tuple[str, ...]
    titles: tuple[str, ...]
    descriptions: tuple[str, ...]
    marketing: tuple[str, ...]
    types: tuple[ProductType, ...]


@dataclass(frozen=True)
class Assortment:
    """All departments, in the order of their file names; `types` holds every type by its name."""

    departments: tuple[Department, ...]
    types: Mapping[str, ProductType]


def load_assortment(directory: Path | None = None) -> Assortment:
    """Read and check every `*.toml` of a directory, by default the departments that come along.

    Raises:
        CatalogError: no file, broken TOML, a missing or unfit field, a type or brand that two
            departments hold, a sibling or complement that no department sells.

    """
    folder = directory or Path(str(resources.files("catalog.demo") / "departments"))
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise CatalogError("no department file here", where=folder, expected="*.toml")
    departments = tuple(_department(file) for file in files)
    homes = _homes(zip(files, departments, strict=True))
    for file, department in zip(files, departments, strict=True):
        for product_type in department.types:
            _check_relations(product_type, homes, file)
    types = {kind.name: kind for department in departments for kind in department.types}
    return Assortment(departments, types)


def _department(file: Path) -> Department:
    try:
        body = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"the department cannot be read: {error}", where=file) from error
    name = _text(body, "name", file)
    entries = body.get("type")
    if not isinstance(entries, list) or not entries:
        raise CatalogError("the department has no type", where=file, expected="[[type]] tables")
    return Department(
        name=name,
        brands=_texts(body, "brands", file, least=1),
        titles=_texts(body, "titles", file, least=1),
        descriptions=_texts(body, "descriptions", file, least=1),
        marketing=_texts(body, "marketing", file),
        types=tuple(_type(entry, name, file) for entry in entries),
    )


def _type(entry: Any, department: str, file: Path) -> ProductType:
    if not isinstance(entry, dict):
        raise CatalogError("a type is a table", where=file, expected="[[type]]", found=str(entry))
    name = _text(entry, "name", file)
    place = f"{file}: type {name}"
    axes = entry.get("attributes")
    if not isinstance(axes, dict) or not axes:
        raise CatalogError("the type has no attribute", where=place, expected="[type.attributes]")
    return ProductType(
        name=name,
        department=department,
        category=_text(entry, "category", place),
        synonyms=_texts(entry, "synonyms", place),
        price=_price(entry, place),
        siblings=_texts(entry, "siblings", place),
        complements=_texts(entry, "complements", place),
        uses=_texts(entry, "uses", place, least=1),
        features=_texts(entry, "features", place, least=1),
        attributes={axis: _texts(axes, axis, place, least=1) for axis in axes},
    )


def _homes(files: Iterable[tuple[Path, Department]]) -> dict[str, Path]:
    """Which file holds each type. Raises CatalogError on a type or brand met twice."""
    homes: dict[str, Path] = {}
    brands: dict[str, Path] = {}
    for file, department in files:
        for found, names in (
            (homes, [kind.name for kind in department.types]),
            (brands, department.brands),
        ):
            for name in names:
                if name in found:
                    raise CatalogError(
                        f"{name!r} is there twice",
                        where=file,
                        expected="names of types and brands that are unique in the shop",
                        found=f"one in {found[name].name} too",
                    )
                found[name] = file
    return homes


def _check_relations(kind: ProductType, homes: Mapping[str, Path], file: Path) -> None:
    for relation, names in (("sibling", kind.siblings), ("complement", kind.complements)):
        for name in names:
            if name == kind.name or name not in homes:
                raise CatalogError(
                    f"{relation} {name!r} of type {kind.name!r} is no other type of the shop",
                    where=file,
                    hint="Write the name as its [[type]] does, or take it out.",
                )
    if both := set(kind.siblings) & set(kind.complements):
        raise CatalogError(
            f"{sorted(both)[0]!r} is sibling and complement of type {kind.name!r}",
            where=file,
            hint="Keep it in one of the two.",
        )


def _text(table: Mapping[str, Any], key: str, place: Path | str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise CatalogError(
            f"{key} is missing or empty", where=place, expected="a text", found=repr(value)
        )
    return value


def _texts(
    table: Mapping[str, Any], key: str, place: Path | str, least: int = 0
) -> tuple[str, ...]:
    value = table.get(key, [])
    fits = isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)
    if not fits or len(value) < least or len(set(value)) != len(value):
        raise CatalogError(
            f"{key} is not a list of different texts",
            where=place,
            expected=f"at least {least}" if least else "",
            found=repr(value),
        )
    return tuple(value)


def _price(table: Mapping[str, Any], place: str) -> tuple[float, float]:
    value = table.get("price")
    numbers = isinstance(value, list) and all(type(v) in (int, float) for v in value)
    if not numbers or len(value or ()) != 2 or not 0 < value[0] < value[1]:  # type: ignore[index]
        raise CatalogError(
            "price is no range", where=place, expected="[lowest, highest] > 0", found=repr(value)
        )
    return float(value[0]), float(value[1])  # type: ignore[index]

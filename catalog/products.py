"""Product files in any declared layout to `Product`, and back into our own form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import orjson

from catalog.errors import CatalogError
from catalog.files import check_readable
from catalog.issues import Issues, Reporter
from catalog.layout import Alternatives, Layout, load_layout
from catalog.model import Product
from catalog.records import Columns, Record, read_records
from catalog.typed import open_values, typed_value
from catalog.values import FieldError, number, path, text, whole

T = TypeVar("T")


def read_products(
    source: str | Path,
    layout: Layout | str | Path | None = None,
    *,
    strict: bool = False,
    issues: Issues | None = None,
) -> Iterator[Product]:
    """Stream the products of a JSONL, CSV/TSV or Parquet file (`.gz` too), one at a time.

    `layout` is a `Layout`, a name of ours or the path of a TOML file; `None` means our own form.
    Skipped and counted in `issues` under these kinds: `broken line`, `empty id`, `empty title`,
    `duplicate id` (the first stays). A product whose price, stock or popularity is not a number
    from 0 comes out without it: `bad price` and so on. With `strict` the first issue raises. Only
    the ids seen are held in memory.

    Raises:
        CatalogError: the file cannot be read at all, lacks a needed column or gives no product;
            when strict also the first issue, with `where` = `file:line`. A bad path raises at
            once, everything else while iterating.

    """
    chosen = layout if isinstance(layout, Layout) else load_layout(layout or "gradus")
    report = Reporter(Path(source), CatalogError, Issues() if issues is None else issues, strict)
    check_readable(report)
    return _products(report, chosen)


def write_products(target: str | Path, products: Iterable[Product]) -> int:
    """Write products as JSONL of layout `gradus`, empty fields left out; return how many."""
    count = 0
    with Path(target).open("wb") as stream:
        for product in products:
            stream.write(orjson.dumps(product_record(product)) + b"\n")
            count += 1
    return count


def product_record(product: Product) -> dict[str, Any]:
    """A product as the JSON object that layout `gradus` reads; empty fields left out."""
    record = {
        "id": product.id,
        "title": product.title,
        "brand": product.brand,
        "category": list(product.category),
        "attributes": dict(product.attributes),
        "description": product.description,
        "price": product.price,
        "stock": product.stock,
        "popularity": product.popularity,
        "values": dict(product.values),
    }
    return {key: value for key, value in record.items() if value not in ("", [], {}, None)}


def _products(report: Reporter, layout: Layout) -> Iterator[Product]:
    issues = report.issues
    before = issues.so_far()
    hint = f"Read as layout {layout.name}; choose another with --layout."
    columns = Columns((layout.id, layout.title), layout.columns, hint)
    seen: set[str] = set()
    for line, record in read_records(report, columns, delimiter=layout.delimiter):
        if not _wanted(record, layout.keep):
            issues.left_out += 1
            continue
        product = _product(record, line, layout, report)
        if product is None:
            continue
        if product.id in seen:
            report.skip("duplicate id", line, f"product id {product.id!r} was read before")
            continue
        seen.add(product.id)
        issues.kept += 1
        yield product
    report.refuse_if_nothing("product", before, hint)


def _wanted(record: Record, keep: Mapping[str, tuple[str, ...]]) -> bool:
    return all(name not in record or record[name] in values for name, values in keep.items())


def _product(record: Record, line: int, layout: Layout, report: Reporter) -> Product | None:
    try:
        identity, title = _text(record, layout.id), _text(record, layout.title)
        brand = _text(record, layout.brand)
        category = tuple(
            level
            for group in layout.category
            for level in path(_first(record, group), layout.category_separator)
        )
        description = "\n".join(filter(None, (_text(record, part) for part in layout.description)))
        attributes = _attributes(record, layout)
        values = dict(open_values(_first(record, layout.open_values)))
    except FieldError as error:
        report.skip("broken line", line, str(error))
        return None
    if not identity:
        report.skip("empty id", line, f"no product id in {' or '.join(layout.id)}")
        return None
    if not title:
        report.skip("empty title", line, f"product {identity!r} has no title")
        return None
    return Product(
        id=identity,
        title=title,
        brand=brand,
        category=category,
        attributes=attributes,
        description=description,
        price=_figure(number, record, layout.price, "price", line, report),
        stock=_figure(whole, record, layout.stock, "stock", line, report),
        popularity=_figure(number, record, layout.popularity, "popularity", line, report),
        values=values | _typed(record, attributes, layout, line, report),
    )


def _typed(
    record: Record, attributes: Mapping[str, str], layout: Layout, line: int, report: Reporter
) -> dict[str, Any]:
    found = {}
    for name, column in layout.typed.items():
        raw = _first(record, column.source)
        if column.attribute is not None:
            raw = attributes.get(column.attribute)
        try:
            value = typed_value(raw, column)
        except FieldError as error:
            report.flaw(f"bad {name}", line, f"{name}: {error}; left out")
            continue
        if value is not None:
            found[name] = value
    return found


def _first(record: Record, columns: Alternatives) -> Any:
    for name in columns:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None


def _text(record: Record, columns: Alternatives) -> str:
    try:
        return text(_first(record, columns))
    except FieldError as error:
        raise FieldError(f"{' or '.join(columns)}: {error}") from None


def _figure(
    convert: Callable[[Any], T | None],
    record: Record,
    columns: Alternatives,
    name: str,
    line: int,
    report: Reporter,
) -> T | None:
    if not columns:
        return None
    try:
        return convert(_first(record, columns))
    except FieldError as error:
        report.flaw(f"bad {name}", line, f"{name}: {error}; left out")
        return None


def _attributes(record: Record, layout: Layout) -> Mapping[str, str]:
    found: dict[str, list[str]] = {}
    for name, columns in layout.attributes.items():
        value = _text(record, columns)
        if value:
            found[name] = [layout.values.get(name, {}).get(value, value)]
    for name, value in _pairs(_first(record, layout.packed), layout):
        values = found.setdefault(name, [])
        if value not in values:
            values.append(value)
    return {name: ", ".join(values) for name, values in found.items()}


def _pairs(packed: Any, layout: Layout) -> Iterator[tuple[str, str]]:
    """(name, value) of each attribute in an object, a list of pairs or one packed text."""
    if packed is None:
        return
    if isinstance(packed, dict):
        pairs: Iterable[tuple[Any, Any]] = packed.items()
    elif isinstance(packed, str):
        parts = (
            part.partition(layout.name_separator) for part in packed.split(layout.pair_separator)
        )
        pairs = ((name, value) for name, _, value in parts)
    elif isinstance(packed, list) and all(isinstance(p, tuple) and len(p) == 2 for p in packed):
        pairs = packed  # a Parquet map
    else:
        raise FieldError(f"attributes: an object is expected, not {str(packed)[:40]!r}")
    for name, value in pairs:
        name, value = text(name), text(value)
        if name and value:
            yield name, value


def parse_product(record: Mapping[str, Any], where: str = "product") -> Product:
    """One product from a JSON object of layout `gradus`.

    Raises CatalogError, with `where`, at anything that `read_products` would skip or leave out.
    """
    report = Reporter(Path(where), CatalogError, Issues(), strict=True)
    product = _product(dict(record), 1, _own_layout(), report)
    if product is None:  # a strict reporter raises before
        raise CatalogError("this is no product", where=where)
    return product


@cache
def _own_layout() -> Layout:
    return load_layout("gradus")

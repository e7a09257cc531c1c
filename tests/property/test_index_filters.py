"""Filters against a look at every product, and against everything one may type.

FUZZ_EXAMPLES=20000 pytest tests/property/test_index_filters.py -k fuzz   the long run
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import QueryError
from catalog.model import Product
from index.filtering.columns_build import columns_like, columns_of, joined_columns
from index.filtering.columns_file import load_columns, save_columns
from index.filtering.language import parse
from index.filtering.matching import Matcher

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
WIDE = "\uff21\uff22\uff23"  # `ABC` in full-width letters
BRANDS = ("Oatly", "OATLY", "Bolt & Finch", 'Say "Cheese"', "Levi's", "Näsby", WIDE, "")
TAGS = ("new", "sale", "gift", "x\\y")
DAYS = [date(2026, 1, 30) + timedelta(days=n) for n in range(4)]
TIMES = ["T00:00:00Z", "T12:30:00Z", "T23:59:59Z"]
NUMBERS = (-3.0, 0.0, 0.5, 1.0, 2.5, 4.0, 1e6)


def some_products(count: int = 80, seed: int = 5) -> list[Product]:
    """Products that lack this and have several of that."""
    rng = random.Random(seed)
    products = []
    for number in range(count):
        values: dict[str, object] = {}
        if rng.random() < 0.7:
            values["rating"] = rng.choice(NUMBERS)
        if rng.random() < 0.6:
            values["added"] = rng.choice(DAYS).isoformat() + rng.choice(["", *TIMES])
        if rng.random() < 0.5:
            values["organic"] = rng.random() < 0.5
        if rng.random() < 0.6:
            values["tags"] = rng.sample(TAGS, rng.randint(1, 3))
        if rng.random() < 0.4:
            values["sizes"] = rng.sample(NUMBERS, rng.randint(1, 3))
        products.append(
            Product(
                f"p{number}",
                "title",
                brand=rng.choice(BRANDS),
                category=tuple(rng.sample(["Food", "Drinks", "Milk"], rng.randint(0, 3))),
                attributes={"colour": rng.choice(["red", "Red", "blue"])} if number % 3 else {},
                price=rng.choice([None, *NUMBERS[1:]]),
                stock=rng.choice([None, 0, 1, 7]),
                popularity=rng.choice([None, 1.0, 2.0]),
                values=values,
            )
        )
    return products


PRODUCTS = some_products()
DECLARED = {"rating": "number", "added": "date", "organic": "boolean", "never": "keyword"}
COLUMNS = columns_of(PRODUCTS, DECLARED)
ROWS = {product.id: row for row, product in enumerate(PRODUCTS)}
MATCHER = Matcher(COLUMNS, ROWS.get)


@dataclass(frozen=True)
class Asked:
    """A filter as text and as nested tuples that the oracle reads."""

    text: str
    tree: tuple


def values_of(product: Product, field: str) -> list:
    """The plain values of a field, dates as datetimes; nothing of index.filtering is used."""
    own = {
        "id": [product.id],
        "brand": [product.brand] if product.brand else [],
        "category": list(product.category),
        "price": [product.price],
        "stock": [product.stock],
        "in_stock": [None if product.stock is None else product.stock > 0],
        "popularity": [product.popularity],
        "colour": [product.attributes.get("colour")],
        "attributes.colour": [product.attributes.get("colour")],
    }
    found = own[field] if field in own else product.values.get(field, [])
    found = found if isinstance(found, list) else [found]
    if field == "added":
        found = [
            datetime.fromisoformat(value.replace("Z", "+00:00")).replace(tzinfo=UTC)
            for value in found
        ]
    return [value for value in found if value is not None]


def fits(value, operator: str, wanted) -> bool:
    if isinstance(value, str):
        same = {WIDE: "abc"}.get(value, value.casefold())
        return operator == "=" and same == {WIDE: "abc"}.get(wanted, wanted.casefold())
    if isinstance(wanted, tuple):  # a whole day: from, to before
        start, end = wanted
        return {
            "=": start <= value < end,
            "<": value < start,
            "<=": value < end,
            ">": value >= end,
            ">=": value >= start,
        }[operator]
    return {
        "=": value == wanted,
        "<": value < wanted,
        "<=": value <= wanted,
        ">": value > wanted,
        ">=": value >= wanted,
    }[operator]


def oracle(tree: tuple, product: Product) -> bool:
    kind, *parts = tree
    if kind == "and":
        return all(oracle(part, product) for part in parts)
    if kind == "or":
        return any(oracle(part, product) for part in parts)
    if kind == "not":
        return not oracle(parts[0], product)
    field, operator, wanted = parts
    values = values_of(product, field)
    if operator == "exists":
        return bool(values)
    if operator == "!=":
        return not any(fits(value, "=", wanted) for value in values)
    if operator == "in":
        return any(fits(value, "=", each) for value in values for each in wanted)
    return any(fits(value, operator, wanted) for value in values)


def quoted(draw, text: str) -> str:
    mark = draw(st.sampled_from(['"', "'"]))
    return mark + text.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark


def a_text(draw) -> tuple[str, str]:
    text = draw(st.sampled_from([*BRANDS, *TAGS, "Food", "milk", "RED", "p3", "nothing"]))
    return quoted(draw, text), text


def a_number(draw) -> tuple[str, float]:
    number = draw(st.sampled_from(NUMBERS) | st.floats(-10, 10))
    written = draw(st.sampled_from([repr(number), f"{number:.3f}", f"{number:e}"]))
    return written, float(written)


def a_date(draw):
    day = draw(st.sampled_from(DAYS))
    if draw(st.booleans()):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        written, wanted = day.isoformat(), (start, start + timedelta(days=1))
    else:
        written = day.isoformat() + draw(st.sampled_from(TIMES))
        wanted = datetime.fromisoformat(written.replace("Z", "+00:00"))
    return (quoted(draw, written) if draw(st.booleans()) else written), wanted


def a_truth(draw) -> tuple[str, bool]:
    truth = draw(st.booleans())
    return draw(st.sampled_from([str(truth), str(truth).lower()])), truth


FIELDS = {
    "id": a_text, "brand": a_text, "category": a_text, "tags": a_text, "colour": a_text,
    "attributes.colour": a_text, "price": a_number, "stock": a_number,
    "rating": a_number, "sizes": a_number, "added": a_date,
    "organic": a_truth, "in_stock": a_truth, "never": a_text,
}  # fmt: skip


@st.composite
def conditions(draw) -> Asked:
    field = draw(st.sampled_from(sorted(FIELDS)))
    constant = FIELDS[field]
    ordered = constant in (a_number, a_date)
    space = draw(st.sampled_from(["", " ", "\n "]))
    name = draw(st.sampled_from([field, f"`{field}`"]))
    operator = draw(
        st.sampled_from(["=", "!=", "in", "not in", "exists", "not exists"])
        | st.sampled_from(["<", "<=", ">", ">="] if ordered else ["="])
    )
    cased = draw(st.sampled_from([str.upper, str.lower, str.title]))
    if operator.endswith("exists"):
        tree = ("is", field, "exists", None)
        return Asked(f"{name} {cased(operator)}", ("not", tree) if "not" in operator else tree)
    if operator.endswith("in"):
        pairs = [constant(draw) for _ in range(draw(st.integers(1, 3)))]
        written = f"{space},{space}".join(text for text, _ in pairs)
        tree = ("is", field, "in", [wanted for _, wanted in pairs])
        text = f"{name} {cased(operator)}{space}[{space}{written}{space}]"
        return Asked(text, ("not", tree) if "not" in operator else tree)
    written, wanted = constant(draw)
    return Asked(f"{name}{space}{operator}{space}{written}", ("is", field, operator, wanted))


def joined(inner):
    def write(parts: list[Asked], word: str) -> Asked:
        text = f" {word} ".join(f"({part.text})" for part in parts)
        return Asked(text, (word.lower(), *(part.tree for part in parts)))

    several = st.lists(inner, min_size=2, max_size=3)
    return st.builds(write, several, st.sampled_from(["AND", "OR", "and"])) | st.builds(
        lambda part, word: Asked(f"{word} ({part.text})", ("not", part.tree)),
        inner,
        st.sampled_from(["NOT", "not", "Not"]),
    )


filters = st.recursive(conditions(), joined, max_leaves=6)


@settings(max_examples=EXAMPLES, deadline=None)
@given(filters)
def test_fuzz_a_filter_passes_what_a_look_at_every_product_passes(asked):
    found = MATCHER.mask(parse(asked.text))
    assert found.tolist() == [oracle(asked.tree, product) for product in PRODUCTS], asked.text


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(st.lists(conditions(), min_size=2, max_size=4), st.data())
def test_fuzz_not_binds_closest_then_and_then_or(parts, data):
    words = [data.draw(st.sampled_from(["AND", "OR"])) for _ in parts[1:]]
    nots = [data.draw(st.booleans()) for _ in parts]
    text, groups = "", [[]]
    for number, (part, no) in enumerate(zip(parts, nots, strict=True)):
        if number:
            text += f" {words[number - 1]} "
            if words[number - 1] == "OR":
                groups.append([])
        text += ("NOT " if no else "") + part.text
        groups[-1].append(("not", part.tree) if no else part.tree)
    tree = ("or", *(("and", *group) for group in groups))
    found = MATCHER.mask(parse(text))
    assert found.tolist() == [oracle(tree, product) for product in PRODUCTS], text


PIECES = (
    "brand", "price", "added", "organic", "tags", "nothing", "AND", "OR", "NOT", "IN", "EXISTS",
    "(", ")", "[", "]", ",", "=", "!=", "<", ">=", "==", '"', "'", "`", "\\", "5", "-1.5e3", ".",
    "1e999", "2026-01-31", "2026-99-99", "true", '"Oatly"', "“", "\x00", "\ud800", "٣", "🙂", " ",
    "\n", "&&", "--", "/*", "'; DROP", "%", "{}", "0x1f", "NaN", "null",
)  # fmt: skip


@st.composite
def broken(draw) -> str:
    """A good filter with pieces put in, taken out and doubled."""
    text = draw(filters).text
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        to = min(len(text), at + draw(st.integers(0, 6)))
        text = text[:at] + draw(st.sampled_from(PIECES)) + text[to:]
    return text


anything = (
    st.text(max_size=60)
    | st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join)
    | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
    | broken()
)


def outcome(text: str) -> QueryError | list[bool] | None:
    try:
        expression = parse(text)
        return None if expression is None else MATCHER.mask(expression).tolist()
    except QueryError as error:
        return error


@settings(max_examples=EXAMPLES * 2, deadline=None)
@given(anything)
def test_fuzz_anything_typed_is_understood_or_refused_with_its_place(text):
    found = outcome(text)
    if isinstance(found, QueryError):
        assert found.where == "filter"
        assert len(str(found)) < 700
        place = int(found.what.rpartition(" at character ")[2])
        assert 1 <= place <= len(text) + 1
    else:
        assert not text.strip() if found is None else len(found) == len(PRODUCTS)


def test_columns_come_back_from_disk_as_they_were(tmp_path):
    save_columns(COLUMNS, tmp_path)
    for before, after in zip(COLUMNS, load_columns(tmp_path), strict=True):
        assert (before.name, before.kind, before.labels) == (after.name, after.kind, after.labels)
        assert before.rows.tolist() == after.rows.tolist()
        assert before.values.tolist() == after.values.tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 79), filters)
def test_parts_joined_pass_what_the_whole_passes(cut, asked):
    base = columns_of(PRODUCTS[:cut], {column.name: column.kind for column in COLUMNS})
    whole = joined_columns([base, columns_like(base, PRODUCTS[cut:])])
    rows = np.arange(cut, len(PRODUCTS))
    shards = joined_columns([COLUMNS.restricted(np.arange(cut)), COLUMNS.restricted(rows)])
    expected = MATCHER.mask(parse(asked.text)).tolist()
    for columns in (whole, shards):
        assert Matcher(columns, ROWS.get).mask(parse(asked.text)).tolist() == expected


@pytest.mark.parametrize("column", list(COLUMNS), ids=lambda column: column.name)
def test_values_of_any_rows(column):
    rows = np.random.default_rng(1).permutation(len(PRODUCTS))[:33]
    places, values = column.of(rows)
    for place, row in enumerate(rows.tolist()):
        expected = column.values[column.rows == row].tolist()
        assert values[places == place].tolist() == expected
        least = min(expected, default=float("nan"))
        np.testing.assert_equal(column.single(rows)[place], float(least))

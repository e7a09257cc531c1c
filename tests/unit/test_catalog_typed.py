"""Typed columns: declared in a layout, read from records, refused where they are wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from catalog.errors import CatalogError
from catalog.layout import parse_layout
from catalog.moments import iso, moment
from catalog.readers import Issues, read_products
from catalog.typed import declared_kinds, open_values
from catalog.values import FieldError

LAYOUT = """
[fields]
id = "id"
title = "title"
attributes = "attributes"

[columns]
rating = { type = "number", from = "stars | score" }
added = { type = "date" }
organic = { type = "boolean" }
tags = { type = "keyword", many = true, separator = "/" }
width = { type = "number", from = "attributes.overall width" }
"""


def read(tmp_path, *records):
    path, issues = tmp_path / "p.jsonl", Issues()
    path.write_text("\n".join(map(json.dumps, records)))
    return list(read_products(path, parse_layout(LAYOUT, "mine"), issues=issues)), issues


def test_declared_columns_are_read_by_their_types(tmp_path):
    record = {
        "id": "1",
        "title": "Mug",
        "stars": "",
        "score": "4.5",
        "added": "2026-01-31T12:00:00+02:00",
        "organic": "Yes",
        "tags": "new/ sale /new/",
        "attributes": {"overall width": "64.7"},
    }
    lists = {"id": "2", "title": "Cup", "stars": -1, "organic": False, "tags": ["x", "y"]}
    (mug, cup), issues = read(tmp_path, record, lists)
    assert mug.values == {
        "rating": 4.5,
        "added": "2026-01-31T10:00:00Z",
        "organic": True,
        "tags": ["new", "sale"],
        "width": 64.7,
    }
    assert cup.values == {"rating": -1.0, "organic": False, "tags": ["x", "y"]}
    assert issues.total == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stars", "many"),
        ("stars", "nan"),
        ("stars", [1, 2]),
        ("added", "31.01.2026"),
        ("added", 20260131),
        ("added", "2026-02-30"),
        ("organic", "perhaps"),
        ("organic", 2),
        ("tags", {"a": 1}),
    ],
)
def test_a_value_of_another_type_is_left_out_and_counted(tmp_path, name, value):
    (mug,), issues = read(tmp_path, {"id": "1", "title": "Mug", name: value})
    assert mug.values == {}
    assert issues.total == 1


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ('price = { type = "number" }', "a field of every product"),
        ('x = { type = "text" }', "no such type"),
        ("x = {}", "no such type"),
        ('x = "number"', "a column is a table"),
        ('x = { type = "number", column = "y" }', "a column is a table"),
        ('x = { type = "number", many = 1 }', "true or false"),
        ('x = { type = "number", separator = "" }', "`separator` is a text"),
        ('x = { type = "number", from = "a |  | b" }', "`from` names a column"),
        ('x = { type = "number", from = [] }', "`from` names a column"),
    ],
)
def test_a_wrong_declaration_says_where(column, says):
    source = f'[fields]\nid = "a"\ntitle = "b"\n[columns]\n{column}\n'
    with pytest.raises(CatalogError, match=says) as caught:
        parse_layout(source, "mine.toml")
    assert caught.value.where.startswith("mine.toml, [columns]")


def test_columns_must_be_a_table():
    with pytest.raises(CatalogError, match="`columns` must be a table"):
        parse_layout('columns = 1\n[fields]\nid = "a"\ntitle = "b"\n', "mine.toml")


def test_layouts_must_agree_on_types():
    number = parse_layout(LAYOUT, "one").typed
    other = parse_layout(LAYOUT.replace('"number", from = "stars', '"keyword", from = "s'), "two")
    assert declared_kinds([number, number])["rating"] == "number"
    with pytest.raises(CatalogError, match="'rating' with different types"):
        declared_kinds([number, other.typed])


def test_values_of_our_own_form():
    kept = {"a": 1, "b": True, "c": " x ", "d": ["y", "z"], "e": None, "f": "", "g": []}
    assert open_values(kept) == {"a": 1.0, "b": True, "c": "x", "d": ["y", "z"]}
    assert open_values(None) == {}
    for wrong in (["a"], "a", {"a": {"b": 1}}, {"a": [[1]]}, {"price": 1}, {"a": 1e999}):
        with pytest.raises(FieldError):
            open_values(wrong)


def test_moments():
    assert moment("2026-01-31") == (datetime(2026, 1, 31, tzinfo=UTC).timestamp(), True)
    assert moment("2026-01-31T00:00:00").whole_day is False
    assert moment("2026-01-31T02:00+02:00").seconds == moment("2026-01-31").seconds
    assert iso(moment("1969-12-31T23:59:59.5Z").seconds) == "1969-12-31T23:59:59.500000Z"
    assert iso(moment("2026-01-31").seconds) == "2026-01-31"
    for wrong in ("", "20260131", "2026-1-1", "2026-01-31x", "2026-01-311", "0000-01-01", "now"):
        with pytest.raises(ValueError, match=r".+"):
            moment(wrong)

"""What the filter language accepts, and what it says of the rest."""

from __future__ import annotations

import pytest

from catalog.errors import QueryError
from catalog.moments import moment
from index.filtering.expression import Condition, Constant, Every, Field, Never, Some
from index.filtering.language import MAX_CHARACTERS, MAX_CONDITIONS, MAX_NESTING, parse


def test_the_tree_of_a_filter():
    text = 'brand = "Oatly" AND (price < 5 OR NOT in_stock = true)'
    assert parse(text) == Every(
        (
            Condition(Field("brand", 0), "=", (Constant("Oatly", 8),)),
            Some(
                (
                    Condition(Field("price", 21), "<", (Constant(5.0, 29),)),
                    Never(Condition(Field("in_stock", 38), "=", (Constant(True, 49),))),
                )
            ),
        )
    )


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_a_blank_filter_lets_everything_pass(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = -1.5e3", -1500.0),
        ("a=.5", 0.5),
        ("a = 5.", 5.0),
        ("a = TRUE", True),
        ("a = 'it\\'s'", "it's"),
        ('a = "\\"\\\\"', '"\\'),
        ('a = "AND ("', "AND ("),
        ('a = "x\ny"', "x\ny"),
        ("a = 2026-01-31", moment("2026-01-31")),
        ("a = 2026-01-31T10:00:00+02:00", moment("2026-01-31T08:00:00Z")),
    ],
)
def test_constants(text, value):
    found = parse(text).constants[0].value
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "name"),
    [("a.b-c = 1", "a.b-c"), ("`over all` = 1", "over all"), ("android = 1", "android"),
     ("`and` = 1", "and"), ("Größe = 1", "Größe"), ("notes = 1", "notes"), ("in = 1", "in")],
)  # fmt: skip
def test_names(text, name):
    assert parse(text).field.name == name


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("brand = Oatly", 9, 'Texts stand in quotes: "…"'),
        ("price", 6, "expected = != < <= > >="),
        ("price <", 8, "found the end"),
        ("price < 5,4", 10, "decimal point"),
        ("price < 5EUR", 9, "a number"),
        ("price < 5 && stock > 1", 11, "Write AND"),
        ("price < 5 || stock > 1", 11, "Write OR"),
        ("price : 5", 7, "Write ="),
        ("price == 5", 8, "Write a single ="),
        ('brand <> "Oatly"', 8, "Write !="),
        ("brand = NULL", 9, "NOT EXISTS"),
        ("brand is not null", 7, "NOT EXISTS"),
        ('brand is "Oatly"', 7, "Write = or !="),
        ('title LIKE "%oat%"', 7, "what q looks for"),
        ("price BETWEEN 1 AND 5", 7, ">= A AND"),
        ('brand = "is null" price', 19, "AND, OR"),
        ("released > 2026-01-01T00:00+99:00", 12, "less than 24 hours"),
        ("price < 5 stock > 1", 11, "AND, OR"),
        ("(price < 5", 11, "found the end"),
        ("price < 5)", 10, "expected the end"),
        ('a = "x', 5, "quote is never closed"),
        ("a = “x”", 5, "straight quotes"),
        ("`a = 1", 1, "backtick"),
        ("a IN 5", 6, "expected ["),
        ("a IN []", 7, "expected a"),
        ("a IN [1, 2", 11, "found the end"),
        ("a = 1e999", 5, "too large"),
        ("a = 2026-02-30", 5, "no such date"),
        ("a = 9999999999-01-01", 5, "a number"),
        ("AND price < 5", 5, "expected = != <"),
        ("NOT", 4, "expected a field"),
        ("(" * 30 + "a = 1", MAX_NESTING + 1, "nested too deep"),
        ("NOT " * 30 + "a = 1", 4 * MAX_NESTING + 1, "nested too deep"),
        (" OR ".join(["a=1"] * 101), 7 * MAX_CONDITIONS - 2, "too many conditions"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, place, says):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert f"at character {place}" in str(caught.value)
    assert says in str(caught.value)
    assert caught.value.where == "filter"


def test_a_filter_may_be_as_large_as_its_bounds():
    assert len(parse(" AND ".join(["a=1"] * MAX_CONDITIONS)).parts) == MAX_CONDITIONS
    deep = "(" * MAX_NESTING + "a=1" + ")" * MAX_NESTING
    assert parse(deep) == parse(deep)
    assert isinstance(parse("NOT " * (MAX_NESTING - 1) + "a=1"), Never)
    with pytest.raises(QueryError, match="too long"):
        parse("a = 1" + " " * MAX_CHARACTERS + "x")

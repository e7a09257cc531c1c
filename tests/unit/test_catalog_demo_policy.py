"""The policy, rule by rule, on products written by hand."""

from dataclasses import replace

import pytest

from catalog.demo.policy import POLICIES, STANDARD, Intent, Policy, grade
from catalog.model import Grade, Product

OAT = Intent(
    types=frozenset({"Oat Milk"}),
    siblings=frozenset({"Almond Milk"}),
    complements=frozenset({"Granola"}),
)
VANILLA_LITER = replace(OAT, attributes=(("flavour", "vanilla"), ("size", "1 liter")))


def product(kind="Oat Milk", brand="Tallowby", price=3.0, **attributes):
    values = {"flavour": "vanilla", "size": "1 liter", **attributes}
    values = {axis: value for axis, value in values.items() if value}
    return Product("p", kind, brand, ("Drinks", "Milk", kind), values, price=price)


def test_asked_type_without_wishes_is_exact():
    assert grade(OAT, product(flavour="chocolate")) is Grade.EXACT


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (product(), 2),
        (product(flavour="chocolate"), 1),
        (product(flavour=""), 1),  # lacking an attribute misses the wish
        (product(flavour="chocolate", size="32 fl oz"), 0),
        (product("Almond Milk"), 1),
        (product("Almond Milk", flavour="chocolate"), 0),
        (product("Granola"), 0),  # a complement answers no wish
        (product("Dog Bed"), 0),
    ],
)
def test_attribute_wishes(thing, expected):
    assert grade(VANILLA_LITER, thing) == expected


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (product(price=4.0), 2),
        (product(price=4.01), 1),
        (product(price=None), 1),
        (product(brand="Moorlark", price=3.0), 1),
        (product(brand="Moorlark", price=9.0), 0),
        (product("Almond Milk", price=9.0), 0),
        (product("Granola"), 0),
    ],
)
def test_brand_and_price_wishes(thing, expected):
    assert grade(replace(OAT, brand="Tallowby", max_price=4.0), thing) == expected


def test_complement_of_a_bare_type():
    assert grade(OAT, product("Granola")) is Grade.SUBSTITUTE
    assert grade(OAT, product("Granola"), POLICIES["strict"]) is Grade.IRRELEVANT
    assert grade(replace(OAT, max_price=99.0), product("Granola")) is Grade.IRRELEVANT


def test_siblings_that_may_miss_wishes():
    thing = product("Almond Milk", flavour="chocolate")
    other = product("Almond Milk", flavour="chocolate", size="32 fl oz")
    assert grade(VANILLA_LITER, thing, POLICIES["lenient"]) is Grade.SUBSTITUTE
    assert grade(VANILLA_LITER, other, POLICIES["lenient"]) is Grade.IRRELEVANT
    assert grade(VANILLA_LITER, other, Policy(sibling_misses=2)) is Grade.SUBSTITUTE


def test_several_asked_types():
    drinks = Intent(types=frozenset({"Oat Milk", "Almond Milk"}))
    assert grade(drinks, product()) == grade(drinks, product("Almond Milk")) == Grade.EXACT


def test_wishes_and_keys():
    turned = replace(VANILLA_LITER, attributes=VANILLA_LITER.attributes[::-1])
    assert turned.key == VANILLA_LITER.key != OAT.key
    assert (OAT.wishes, VANILLA_LITER.wishes) == (0, 2)
    assert replace(VANILLA_LITER, brand="x", max_price=0.0).wishes == 4


def test_standard_is_the_default_and_names_are_distinct():
    assert POLICIES["standard"] == STANDARD == Policy()
    assert len(set(POLICIES.values())) == len(POLICIES)

"""How the made-up shop writes: templates, spellings, slips, prices."""

from random import Random

import pytest

from catalog.demo import noise
from catalog.demo.departments import load_assortment
from catalog.demo.prices import ceilings, cheap_below, ending, price
from catalog.demo.spellings import spellings
from catalog.demo.templates import cut, cut_all, fill, whole
from catalog.demo.wishes import Wish, asking
from catalog.demo.wording import KIND_SHARES, misspelt, worded

VALUES = {"brand": "Tallowby", "type": "Oat Milk", "flavour": "Vanilla", "size": "1L"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{brand} {type}, {flavour}, {size}", "Tallowby Oat Milk, Vanilla, 1L"),
        ("{brand} {type}, {scent}, {size}", "Tallowby Oat Milk, 1L"),
        ("{scent} {type} {pack} - {brand}", "Oat Milk - Tallowby"),
        ("{type} with {scent} scent, {size}", "Oat Milk, 1L"),
        ("A {flavour} {type}.", "A Vanilla Oat Milk."),
        ("{scent}", ""),
    ],
)
def test_missing_values_leave_with_their_separators(template, expected):
    assert fill(cut(template, VALUES), VALUES) == expected


def test_left_out_values_and_articles():
    template = cut("{brand} {type} - {size}", VALUES)
    assert fill(template, VALUES, ["brand"]) == "Oat Milk - 1L"
    assert fill(template, VALUES, ["brand", "type"]) == "1L"
    scented = cut("{type} with {flavour} scent, {size}", VALUES)
    assert fill(scented, VALUES) == "Oat Milk with Vanilla scent, 1L"
    assert fill(scented, VALUES, ["flavour"]) == "Oat Milk, 1L"
    assert fill(scented, VALUES, ["size"]) == "Oat Milk with Vanilla"
    assert fill(cut("Buy a {type}", VALUES), VALUES) == "Buy an Oat Milk"
    articles = {fill(cut("A {x} dog", "x"), {"x": x}) for x in ("unscented", "unisex", "ice")}
    assert articles == {"An unscented dog", "A unisex dog", "An ice dog"}


def test_sentences_need_all_their_words():
    assert whole(["{type} in {colour}.", "{type} by {brand}."], VALUES) == cut_all(
        ["{type} by {brand}."], VALUES
    )
    assert cut_all(["{type}, {scent}", "{type}, {pack}"], VALUES) == (cut("{type}", VALUES),)


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("1 liter", "1L"),
        ("12 fl oz", "12 oz"),
        ("6 pack", "pack of 6"),
        ("16 inch", '16"'),
        ("6 x 32 fl oz", "6 x 32 oz"),
        ("5 x 8 ft", "5x8 ft"),
        ("gray", "grey"),
    ],
)
def test_spellings(value, other):
    assert other in spellings(value)


def test_most_sizes_of_the_shop_have_other_spellings_and_none_is_itself():
    values = [
        value
        for kind in load_assortment().types.values()
        for value in kind.attributes.get("size", ())
        if value[0].isdigit()
    ]
    assert sum(bool(spellings(value)) for value in values) > 0.6 * len(values)
    assert all(value not in spellings(value) for value in values)
    assert spellings("velvet") == spellings("12-18 months") == ()


def test_capitals():
    assert noise.capitals("dark roast") == "Dark Roast"
    assert noise.capitals("12 fl oz") == "12 fl oz"
    assert noise.capitals("us 7") == "US 7"
    assert noise.capitals("women's") == "Women's"


def test_slips_stay_close():
    rng = Random(1)
    for _ in range(200):
        assert abs(len(noise.slip("blender", rng)) - len("blender")) <= 1
    assert noise.misheard("phone", rng) == "phone" or "phone"[0] == "p"
    assert noise.misheard("xbtn", rng) == "xbtn"
    assert noise.slipped("12 oz", rng) == "12 oz"


def test_most_misspellings_differ_and_few_words_suffer():
    rng = Random(2)
    wrong = [misspelt("stainless steel water bottle", rng) for _ in range(200)]
    assert sum(text != "stainless steel water bottle" for text in wrong) > 180
    assert all(len(text) >= len("stainless steel water bottle") - 2 for text in wrong)


def test_prices_lie_in_the_range_and_grow_with_size_and_brand():
    rng = Random(3)
    for low, high in ((0.7, 9.0), (5.5, 24.0), (280.0, 1900.0)):
        small = [price(low, high, 0.0, 0.0, rng) for _ in range(300)]
        large = [price(low, high, 1.0, 1.0, rng) for _ in range(300)]
        assert all(low <= amount <= high for amount in small + large)
        assert sum(small) < sum(large)
    assert all(ending(7.2, 1, 9, rng) % 1 > 0.2 for _ in range(20))
    assert ending(1.05, 1.0, 1.1, rng) == 1.05  # no ending fits


def test_ceilings_and_cheap_lie_inside_the_range():
    for kind in load_assortment().types.values():
        low, high = kind.price
        assert all(low < amount < high for amount in ceilings(kind))
        assert low < cheap_below(kind) < high


def test_queries_name_what_they_mean():
    kind = load_assortment().types["Sofa"]
    wish = Wish(asking(kind), kind)
    texts = {worded(wish, Random(seed)).lower() for seed in range(60)}
    assert {"sofa", "sofas"} <= texts
    assert all("sofa" in text for text in texts)
    assert "couch" in worded(wish, Random(1), name="couch").lower()
    used = {worded(Wish(asking(kind), kind, use="housewarming"), Random(s)) for s in range(20)}
    assert all("housewarming" in text.lower() for text in used)


def test_shares_of_kinds_are_whole():
    assert sum(KIND_SHARES.values()) == pytest.approx(1.0)

"""Department files: the real ones are whole; broken ones are refused by name and place."""

import pytest

from catalog.demo.departments import load_assortment
from catalog.errors import CatalogError

DRINKS = """
name = "Drinks"
brands = ["Tallowby"]
titles = ["{brand} {type}, {flavour}"]
descriptions = ["{feature}. By {brand}."]
marketing = []
[[type]]
name = "Oat Milk"
category = "Milk"
price = [1, 4.5]
siblings = ["Almond Milk"]
complements = ["Granola"]
uses = ["breakfast"]
features = ["No added sugar"]
[type.attributes]
flavour = ["plain", "vanilla"]
[[type]]
name = "Almond Milk"
category = "Milk"
price = [1, 4]
uses = ["breakfast"]
features = ["Nutty"]
[type.attributes]
flavour = ["plain"]
"""
PANTRY = """
name = "Pantry"
brands = ["Millwren"]
titles = ["{brand} {type}"]
descriptions = ["{feature}."]
[[type]]
name = "Granola"
category = "Breakfast"
price = [2, 9]
uses = ["breakfast"]
features = ["Crunchy"]
[type.attributes]
size = ["10 oz"]
"""


def load(tmp_path, drinks=DRINKS, pantry=PANTRY):
    (tmp_path / "drinks.toml").write_text(drinks)
    (tmp_path / "pantry.toml").write_text(pantry)
    return load_assortment(tmp_path)


def test_the_shop_that_comes_along():
    shop = load_assortment()
    kinds = shop.types.values()
    assert len(shop.departments) >= 10
    assert len(kinds) >= 100
    assert all(len({t.category for t in d.types}) >= 3 for d in shop.departments)
    assert all(2 <= len(kind.attributes) <= 4 and kind.features for kind in kinds)


def test_small_shop(tmp_path):
    shop = load(tmp_path)
    assert list(shop.types) == ["Oat Milk", "Almond Milk", "Granola"]
    oat = shop.types["Oat Milk"]
    assert (oat.department, oat.price, oat.synonyms) == ("Drinks", (1.0, 4.5), ())
    assert oat.attributes == {"flavour": ("plain", "vanilla")}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('siblings = ["Almond Milk"]', 'siblings = ["Rice Milk"]', "sibling 'Rice Milk' of type"),
        ('["Granola"]', '["Muesli"]', "complement 'Muesli' of type 'Oat Milk'"),
        ('["Granola"]', '["Oat Milk"]', "complement 'Oat Milk'"),
        ('["Granola"]', '["Almond Milk"]', "is sibling and complement"),
        ('name = "Almond Milk"', 'name = "Oat Milk"', "'Oat Milk' is there twice"),
        ('name = "Almond Milk"', 'name = "Granola"', "'Granola' is there twice"),
        ('["Tallowby"]', '["Millwren"]', "'Millwren' is there twice"),
        ('["Tallowby"]', "[]", "brands is not a list"),
        ("[1, 4.5]", "[4.5, 1]", "price is no range"),
        ("[1, 4.5]", '"cheap"', "price is no range"),
        ("[1, 4.5]", "[1]", "price is no range"),
        ('category = "Milk"', "", "category is missing"),
        ('["plain", "vanilla"]', '["plain", "plain"]', "flavour is not a list"),
        ('["plain", "vanilla"]', "3", "flavour is not a list"),
        ("[type.attributes]", "[type.other]", "no attribute"),
        ("[[type]]", "[[", "cannot be read"),
    ],
)
def test_refused(tmp_path, old, new, message):
    assert old in DRINKS
    with pytest.raises(CatalogError, match=message.replace("[", r"\[")) as caught:
        load(tmp_path, drinks=DRINKS.replace(old, new))
    assert ".toml" in caught.value.where


def test_no_type_and_no_file(tmp_path):
    with pytest.raises(CatalogError, match="no type"):
        load(tmp_path, pantry=PANTRY.partition("[[type]]")[0])
    with pytest.raises(CatalogError, match="a type is a table"):
        load(tmp_path, pantry='type = ["Granola"]\n' + PANTRY.partition("[[type]]")[0])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError, match="no department file"):
        load_assortment(tmp_path / "empty")

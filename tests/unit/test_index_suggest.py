# ruff: noqa: RUF001

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import BundleError
from catalog.model import Product
from catalog.slips import with_a_slip
from catalog.text import normalise
from index.suggest.entries import entries_of
from index.suggest.suggester import Suggester
from index.suggest.table import SuggestTable, save, words_of

PRODUCTS = [
    Product("1", "Almond milk 1 l", category=("Pantry", "Milk"), popularity=5.0),
    Product("2", "Oat milk barista", category=("Pantry", "Milk"), popularity=90.0),
    Product("3", "Almond butter", category=("Pantry", "Spreads")),
    Product("4", "almond butter", category=("Pantry", "Spreads"), popularity=1.0),
    Product("5", "Milk frother", category=("Kitchen", "Coffee"), popularity=40.0),
    Product("6", "緑茶 ティーバッグ", category=("お茶",), popularity=2.0),
    Product("7", "Café crème cups", category=("Kitchen", "Coffee")),
]
QUERIES = [("oat milk", 30.0), ("Oat  Milk", 20.0), ("milk", 9.0), ("lawn mower", 99.0)]


def known(query: str) -> bool:
    return "mower" not in query


@pytest.fixture(scope="module")
def suggester(tmp_path_factory):
    directory = tmp_path_factory.mktemp("suggest") / "suggest"
    save(entries_of(PRODUCTS, QUERIES, known), directory)
    return Suggester(SuggestTable.load(directory))


def texts(found):
    return [suggestion.entry["text"] for suggestion in found]


def test_the_most_popular_way_to_go_on_comes_first(suggester):
    found = suggester.suggest("oat", 5)
    assert [(one.entry["text"], one.entry["kind"], one.match) for one in found] == [
        ("oat milk", "query", "beginning"),
        ("Oat milk barista", "product", "beginning"),
    ]
    assert found[0].entry["weight"] == 50.0  # both spellings of one query
    assert found[1].entry["id"] == "2"


def test_words_in_any_order_and_the_last_one_begun(suggester):
    assert texts(suggester.suggest("milk alm", 5)) == ["Almond milk 1 l"]
    assert texts(suggester.suggest("MILK  bar", 5)) == ["Oat milk barista"]
    assert suggester.suggest("milk bar", 5)[0].match == "word"


def test_a_space_ends_the_last_word(suggester):
    assert texts(suggester.suggest("fro", 5)) == ["Milk frother"]
    assert texts(suggester.suggest("fro ", 5)) == []


@pytest.mark.parametrize("typed", ["almnod", "alomnd b", "almnd butt", "amond bu", "almondd"])
def test_a_slip_is_forgiven(suggester, typed):
    found = suggester.suggest(typed, 5)
    assert "almond butter" in texts(found)
    assert {one.match for one in found} == {"slip"}


def test_a_slip_that_a_title_has_made_too_is_forgiven(tmp_path):
    titles = ["Coffee maker 12 cups", "Coffe mug", "Maker pen"]
    products = [Product(str(place), title) for place, title in enumerate(titles)]
    save(entries_of(products, [], known), tmp_path / "suggest")
    suggester = Suggester(SuggestTable.load(tmp_path / "suggest"))
    found = suggester.suggest("coffe mak", 5)
    assert [(one.entry["text"], one.match) for one in found] == [("Coffee maker 12 cups", "slip")]
    assert texts(suggester.suggest("coffe m", 5)) == ["Coffe mug"]
    assert suggester.suggest("cup pen", 5) == []


def test_products_of_one_title_are_one_and_kinds_are_marked(suggester):
    assert texts(suggester.suggest("almond butter", 9)) == ["almond butter"]
    (milk,) = [one for one in suggester.suggest("mil", 9) if one.entry["kind"] == "category"]
    assert milk.entry["path"] == ["Pantry", "Milk"]
    assert milk.entry["weight"] == 2.0


def test_queries_that_find_nothing_are_not_offered(suggester):
    assert suggester.suggest("lawn", 5) == []


@pytest.mark.parametrize("typed", ["", " ", "\u200b", "q", "🙂", "zzzzzz", "%00", "ا", "l" * 200])
def test_nothing_to_go_on_with(suggester, typed):
    assert isinstance(suggester.suggest(typed, 5), list)
    assert suggester.suggest("milk", 0) == []


def test_scripts_without_spaces_and_accents(suggester):
    assert texts(suggester.suggest("緑", 5)) == ["緑茶 ティーバッグ"]
    assert texts(suggester.suggest("茶", 5)) == ["お茶", "緑茶 ティーバッグ"]
    assert texts(suggester.suggest("CAFE\u0301 c", 5)) == ["Café crème cups"]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PRODUCTS), st.integers(1, 12), st.integers(1, 4))
def test_every_beginning_of_every_title_is_answered(suggester, product, length, limit):
    typed = product.title[:length]
    found = suggester.suggest(typed, limit)
    assert 0 < len(found) <= limit
    assert len({normalise(text) for text in texts(found)}) == len(found)
    matches = [one.match for one in found]
    assert matches == sorted(matches, key=["beginning", "word", "slip"].index)
    for one in found:
        if one.match == "beginning":
            assert normalise(one.entry["text"]).startswith(normalise(typed))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PRODUCTS[:5]), st.integers(0, 99))
def test_a_slip_in_a_whole_title_still_finds_it(suggester, product, seed):
    typed = with_a_slip(product.title, seed)
    (wrong,) = set(words_of(typed)) - set(words_of(product.title)) or {""}
    if len(wrong) >= 3 and len(typed.split()) == len(product.title.split()):
        assert normalise(product.title) in map(normalise, texts(suggester.suggest(typed, 9)))


def test_damaged_suggestions_are_refused(suggester, tmp_path):
    save(entries_of(PRODUCTS, (), known), tmp_path / "suggest")
    (tmp_path / "suggest" / "key_ends.npy").unlink()
    with pytest.raises(BundleError, match=r"suggestions cannot be read.*Build the index again"):
        SuggestTable.load(tmp_path / "suggest")


def test_a_shop_without_anything_to_offer(tmp_path):
    save([], tmp_path / "suggest")
    assert Suggester(SuggestTable.load(tmp_path / "suggest")).suggest("milk", 5) == []

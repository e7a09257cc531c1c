# ruff: noqa: RUF001

from __future__ import annotations

import numpy as np
import pytest

from catalog.errors import CatalogError
from catalog.model import Product
from catalog.text import normalise
from index.lexical_build import LexicalBuilder
from index.ranking import id_ranks
from index.words.accents import without_accents
from index.words.analyser import Analyser
from index.words.compounds import noun_split
from index.words.languages import language
from index.words.segment import words
from index.words.settings import NAMING
from index.words.stop_words import stop_words
from index.words.synonyms import groups_of, read_synonyms

ENGLISH, GERMAN, JAPANESE = (Analyser(language(code)) for code in ("en", "de", "ja"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("10oz", "10 oz"),
        ("10 ounces", "10-oz."),
        ("12-pack", "12 packs"),
        ("12pk", "12 pack"),
        ("1.5l", "1.50 litres"),
        ('12" pan', "12 inch pan"),
        ("12in pan", "12-inch pan"),
        ("6' ladder", "6 foot ladder"),
        ("1,000 pieces", "1000 pcs"),
        ("\uff11\uff12\uff10\uff47", "120 grams"),
        ("16x16", "16 x 16"),
        ("½ lb", "1/2 pound"),
        ("Gore-Tex\u2122", "gore tex"),
    ],
)
def test_sizes_are_the_same_words_however_they_are_written(first, second):
    assert ENGLISH.words(first) == ENGLISH.words(second)


def test_what_looks_like_a_unit_without_a_number_stays():
    assert ENGLISH.words("3 in 1 pound cake") == ["3", "in", "1", "lb", "cake"]
    assert ENGLISH.words("pound cake, feet first") == ["pound", "cake", "feet", "first"]


def test_a_comma_marks_decimals_where_the_language_says_so():
    assert GERMAN.words("1,5 Liter") == ENGLISH.words("1.5 l")
    assert ENGLISH.words("2,5") == ["2", "5"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("दूध शुद्ध", ["दूध", "शुद्ध"]),  # vowel signs stay with their letters
        ("cafe\u0301 🙂☕", ["café"]),
        ("קפה \u200fטורקי 500g", ["קפה", "טורקי", "500", "g"]),
        ("צה״ל", ["צה״ל"]),
        ("緑茶 50個", ["緑茶", "50", "個"]),
        ("ティーバッグ", ["ティ", "ィー", "ーバ", "バッ", "ッグ"]),
        ("커피포트", ["커피", "피포", "포트"]),
        ("col·lecció", ["col·lecció"]),
        ("a–b “c” d…", ["a", "b", "c", "d"]),
    ],
)
def test_segmentation_follows_unicode(text, expected):
    assert words(normalise(text)) == expected


def test_products_have_the_single_characters_too():
    assert words("緑茶", singles=True) == ["緑茶", "緑", "茶"]
    terms, length = JAPANESE.product_terms("緑茶")
    assert set(JAPANESE.query_terms("茶").counts[0][:1]) <= set(terms)
    assert length == 1


@pytest.mark.parametrize(
    ("word", "bare"),
    [
        ("café", "cafe"),
        ("jalapeño", "jalapeno"),
        ("ør", "or"),
        ("й", "й"),
        ("が", "が"),
        ("x", "x"),
    ],
)
def test_accents_go_where_shoppers_leave_them_out(word, bare):
    assert without_accents(normalise(word)) == bare


def test_languages_by_code_and_tag():
    assert language("de-AT").code == "de"
    assert language("nb").code == "no"
    with pytest.raises(CatalogError, match="no such language"):
        language("klingon")


@pytest.mark.parametrize("code", ["en", "de", "fr", "es", "it", "nl", "pt", "sv", "ru", "tr"])
def test_stop_words_are_words_as_they_are_looked_up(code):
    listed = stop_words(code)
    assert listed
    assert all(words(normalise(word)) == [word] for word in listed)


def learnt(titles: list[str], base: Analyser = ENGLISH) -> tuple[LexicalBuilder, Analyser]:
    builder = LexicalBuilder(analyser=base, learn=lambda corpus: corpus.learn(NAMING))
    for number, title in enumerate(titles):
        builder.add(Product(str(number), title))
    return builder, builder.corpus.learn(NAMING)


TITLES = [
    "usb-c cable", "usb-c hub", "usb c charger", "cable usbc",
    "smart watch", "smart watch band", "smartwatch", "carpet", "car seat", "pet bed",
]  # fmt: skip


def test_compounds_are_learnt_from_what_the_catalogue_writes_apart():
    builder, analyser = learnt(TITLES)
    assert analyser.splits == {"usbc": ("usb", "c"), "smartwatch": ("smart", "watch")}
    index = builder.build()
    found = {
        query: set(index.top(analyser.query_terms(query), 9, index_ranks(10))[0].tolist())
        for query in ("usb-c", "usb c", "usbc", "smartwatch", "smart watch", "carpet")
    }
    assert found["usbc"] == found["usb c"] == found["usb-c"] == {0, 1, 2, 3}
    assert found["smartwatch"] == found["smart watch"] == {4, 5, 6}
    assert found["carpet"] == {7}


def index_ranks(count: int):
    return id_ranks([str(number) for number in range(count)])


def test_a_hyphen_alone_shows_a_compound():
    _, analyser = learnt(["T-Shirt rot", "T-Shirt blau"])
    assert analyser.query_terms("tshirt").counts == (("t shirt", 1),)


def test_german_nouns_come_apart_by_the_vocabulary():
    _, analyser = learnt(["Futter für Hunde", "Hunde Napf", "Futter", "Decke"], GERMAN)
    assert analyser.query_terms("Hundefutter").counts == (("futt", 1), ("hund", 1))
    assert analyser.query_terms("Hundedecken").counts == (("deck", 1), ("hund", 1))
    assert analyser.query_terms("Napfschnecke").counts == (("napfschneck", 1),)
    assert ENGLISH.query_terms("carpet").counts == (("carpet", 1),)


def test_a_word_more_at_home_than_its_parts_stays_whole():
    nouns = {"hund": 1, "futt": 1, "hundefutt": 9}
    assert noun_split("hundefutter", nouns, GERMAN.stem) is None
    assert noun_split("hundefutter", nouns | {"hundefutt": 0}, GERMAN.stem) == ("hunde", "futter")


SYNONYMS = """
# a comment
tv, television, television set
sneakers => running shoes, trainers   # one way
"""


@pytest.fixture
def with_synonyms(tmp_path):
    path = tmp_path / "synonyms.txt"
    path.write_text(SYNONYMS)
    return ENGLISH.with_groups(groups_of(read_synonyms(path, ENGLISH.phrase), ENGLISH.phrase))


def test_a_group_is_one_term_with_the_documents_of_all(with_synonyms):
    builder = LexicalBuilder(analyser=with_synonyms)
    titles = ["tv stand", "television", "television set", "set", "sneakers", "trainers", "shoes"]
    for number, title in enumerate(titles):
        builder.add(Product(str(number), title))
    index = builder.build()
    for query in ("tv", "television", "television set", "Television Sets"):
        ((term, count),) = with_synonyms.query_terms(query).counts
        assert (count, index.document_frequency(term)) == (1, 3)
    ((one_way, _),) = with_synonyms.query_terms("sneakers").counts
    assert index.document_frequency(one_way) == 2
    assert with_synonyms.query_terms("trainers").counts == (("trainer", 1),)
    assert index.score(with_synonyms.query_terms("tv"), np.arange(3)).min() > 0


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("tv", "at least two phrases", 1),
        ("sock, socks", "at least two phrases", 1),
        ("a1, b1\n\ntv, a1", "is in line 1 already", 3),
        ("tv => => telly", "more than one =>", 1),
        ("tv, => telly", "without letters", 1),
        ("tv => ", "without letters", 1),
        ("tv => tv", "adds nothing", 1),
        ("x, a b c d e f g h i", "too long", 1),
    ],
)
def test_a_wrong_synonym_is_answered_with_its_line(tmp_path, text, message, line):
    path = tmp_path / "synonyms.txt"
    path.write_text(text)
    with pytest.raises(CatalogError, match=message) as caught:
        read_synonyms(path, ENGLISH.phrase)
    assert f"line {line}" in str(caught.value)


def test_synonyms_that_cannot_be_read(tmp_path):
    with pytest.raises(CatalogError, match="cannot be read"):
        read_synonyms(tmp_path / "none.txt", ENGLISH.phrase)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9, bar")
    with pytest.raises(CatalogError, match="not UTF-8"):
        read_synonyms(tmp_path / "latin.txt", ENGLISH.phrase)


def test_an_analyser_survives_its_record(with_synonyms):
    _, analyser = learnt(TITLES)
    for one in (analyser.with_groups(with_synonyms.groups), learnt(["Hunde"], GERMAN)[1]):
        again = Analyser.from_record(one.record())
        assert again.record() == one.record()
        text = "usbc television set Hundefutter 10oz the"
        assert again.query_terms(text) == one.query_terms(text)
        assert again.product_terms(text) == one.product_terms(text)

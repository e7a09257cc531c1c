"""What a query does not want, by its words."""

from __future__ import annotations

import pytest

from index.words.analyser import Analyser
from index.words.languages import language


@pytest.mark.parametrize(
    ("query", "wanted", "lost"),
    [
        ("bra without wire", ["bra", "without"], ["wire"]),
        ("dress without a zipper for girls", ["dress", "girl", "without"], ["zipper"]),
        ("oats without added sugar salt", ["oat", "salt", "without"], ["add", "sugar"]),
        ("case without stand without ring", ["case", "without"], ["ring", "stand"]),
        ("lamp without", ["lamp", "without"], []),
        ("without sleeves", ["sleev", "without"], []),
        ("the without sleeves", ["sleev", "without"], []),
        ("sugar free gum", ["free", "gum", "sugar"], []),
        ("case with or without stand", ["case", "stand", "without"], []),
        ("shoes without laces under 50", ["50", "shoe", "under", "without"], ["lace"]),
        ("sugar-free gum without sugar", ["free", "gum", "sugar", "without"], []),
    ],
)
def test_what_a_query_does_not_want(query, wanted, lost):
    terms = Analyser().query_terms(query)
    assert [term for term, _ in terms.counts] == wanted
    assert [term for term, _ in terms.unwanted] == lost


def test_other_languages_say_so_in_their_own_words():
    terms = Analyser(language("de")).query_terms("BH ohne Bügel")
    assert [term for term, _ in terms.unwanted] == ["bugel"]
    assert Analyser(language("th")).query_terms("a without b").unwanted == ()


def test_a_query_of_very_many_words_drops_the_unwanted_ones_first():
    letters = "abcdefgh"
    words = " ".join(f"x{one}{two}" for one in letters for two in letters[1:])
    words = " ".join([words, *(f"y{one}" for one in letters[:7])])
    terms = Analyser().query_terms(f"{words} without sleeves zippers")
    assert (len(terms.counts), len(terms.unwanted), terms.dropped) == (64, 0, 2)


def test_an_index_from_before_reads_such_queries_as_it_did():
    record = Analyser().record()
    assert record.pop("unwanted") is True
    old = Analyser.from_record(record)
    assert old.query_terms("bra without wire").unwanted == ()
    assert old.with_groups([]).record()["unwanted"] is False

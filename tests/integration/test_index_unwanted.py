"""`without`: what a shopper does not want, from products to the order of hits."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.model import Product
from index.analysis import english
from index.highlight import Highlighter
from index.lexical_build import LexicalBuilder
from index.ranking import id_ranks
from index.words.analyser import Analyser
from index.words.unwanted import Negation

TITLES = {
    "lacks": "Comfort bra, no wire",
    "free": "Soft bra wire-free",
    "silent": "Cotton bra seamless",
    "has": "Balcony bra with wire support",
    "other": "Garden wire 20 m",
}


@pytest.fixture(scope="module")
def index():
    builder = LexicalBuilder()
    for name, title in TITLES.items():
        builder.add(Product(name, title))
    return builder.build()


def found(index, query: str) -> list[str]:
    ranks = id_ranks(list(TITLES))
    rows, _, _ = index.top(english().query_terms(query), 5, ranks)
    return [list(TITLES)[row] for row in rows]


def test_products_that_say_they_lack_it_come_first_and_those_that_have_it_last(index):
    assert found(index, "bra without wire") == ["lacks", "free", "silent", "has"]


def test_a_product_with_nothing_but_the_unwanted_is_not_found(index):
    assert "other" not in found(index, "bra without wire")
    assert "other" in found(index, "bra wire")


def test_a_query_that_wants_everything_scores_as_if_nothing_were_said_to_lack(index):
    plain = LexicalBuilder(analyser=Analyser(negation=Negation.none()))
    for name, title in TITLES.items():
        plain.add(Product(name, title))
    terms, rows = english().query_terms("bra wire"), np.arange(len(TITLES))
    assert index.score(terms, rows).tolist() == plain.build().score(terms, rows).tolist()


def test_unwanted_words_are_not_marked():
    terms = english().query_terms("bra without wire")
    marker = Highlighter(terms, english())
    assert "<mark>bra</mark>" in marker.mark("A bra with wire")
    assert "<mark>wire</mark>" not in marker.mark("A bra with wire")

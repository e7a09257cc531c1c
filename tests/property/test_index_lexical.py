"""BM25F against ten plain lines, and `top` against `score`."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.model import Product
from index.analysis import STOP_WORDS, query_terms, stem, words
from index.lexical import FieldSettings, LexicalSettings
from index.lexical_build import LexicalBuilder, field_texts
from index.ranking import id_ranks

WORDS = ("red", "blue", "kettle", "sock", "socks", "the", "7", "café", "without", "no", "free")
texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
catalogues = st.lists(
    st.builds(
        lambda title, brand, colour, about, level: Product(
            "x", title, brand, (level,), {"colour": colour}, about
        ),
        *[texts] * 5,
    ),
    min_size=1,
    max_size=8,
)
queries = st.lists(st.sampled_from((*WORDS, "unknown")), min_size=1, max_size=6).map(" ".join)


def reference(products: list[Product], query: str, settings: LexicalSettings) -> list[float]:
    """The formula of the module docstring, term by term."""
    fields = [
        {name: words(text) for name, text in field_texts(product).items()} for product in products
    ]

    def length(field: list[str]) -> int:
        return sum(word not in STOP_WORDS for word in field)

    def average(name: str) -> float:
        filled = [length(field[name]) for field in fields if length(field[name])]
        return sum(filled) / len(filled) if filled else 1.0

    def times(text: list[str], term: str) -> int:
        if not term.startswith("¬"):
            return [stem(word) for word in text].count(term)
        says_no, tells = {"without", "no", "non"}, {"without", "no", "non", "free", "less"}
        return sum(
            stem(word) == term[1:]
            and word not in {*STOP_WORDS, *tells}
            and (bool(says_no & {*text[max(0, at - 2) : at]}) or text[at + 1 : at + 2] == ["free"])
            for at, word in enumerate(text)
        )

    def weighted(term: str, row: int) -> float:
        return sum(
            part.weight
            * times(fields[row][name], term)
            / (1 - part.b + part.b * length(fields[row][name]) / average(name))
            for name, part in settings.fields.items()
        )

    sums, bound = [0.0] * len(products), 0.0
    asked = query_terms(query)
    lacking = [("¬" + term, count, 1.0) for term, count in asked.unwanted]
    against = [(term, count, -0.5) for term, count in asked.unwanted]
    for term, count, sign in [*((*each, 1.0) for each in asked.counts), *lacking, *against]:
        tf = [weighted(term, row) for row in range(len(products))]
        df = sum(value > 0 for value in tf)
        weight = count * math.log(1 + (len(products) - df + 0.5) / (df + 0.5)) * (settings.k1 + 1)
        bound += weight if sign > 0 else 0.0
        sums = [
            s + sign * weight * value / (settings.k1 + value)
            for s, value in zip(sums, tf, strict=True)
        ]
    return [max(0.0, value) / bound for value in sums]


@settings(max_examples=60, deadline=None)
@given(catalogues, queries)
def test_scores_equal_the_reference(products, query):
    builder = LexicalBuilder()
    for product in products:
        builder.add(product)
    index = builder.build()
    scores = index.score(query_terms(query), np.arange(len(products)))
    np.testing.assert_allclose(scores, reference(products, query, builder.settings), atol=1e-6)
    assert scores.min() >= 0.0
    assert scores.max() <= 1.0


def without(field: str) -> LexicalSettings:
    shipped = LexicalSettings()
    return replace(shipped, fields={**shipped.fields, field: FieldSettings(0.0, 0.5)})


@settings(max_examples=100, deadline=None)
@given(
    catalogues,
    queries,
    st.integers(1, 8),
    st.randoms(),
    st.sampled_from([LexicalSettings(), without("title"), without("description")]),
)
def test_top_and_score_give_the_same_float(products, query, count, random, chosen):
    builder = LexicalBuilder(chosen)
    for product in products:
        builder.add(product)
    index, terms = builder.build(), query_terms(query)
    ids = [f"p{random.randrange(1000):03d}-{row}" for row in range(len(products))]
    every = index.score(terms, np.arange(len(products)))
    beside = np.array(random.choices(range(len(products)), k=3))
    rows, scores, others = index.top(terms, count, id_ranks(ids), beside)
    expected = sorted(np.flatnonzero(every), key=lambda row: (-every[row], ids[row]))[:count]
    assert rows.tolist() == expected
    assert scores.tolist() == every[rows].tolist()
    assert others.tolist() == every[beside].tolist()
    assert index.score(terms, rows[::-1]).tolist() == scores[::-1].tolist()
    assert index.top(terms, count, id_ranks(ids))[1].tolist() == scores.tolist()


def test_a_search_that_failed_leaves_nothing_behind():
    builder = LexicalBuilder()
    for title in ("red kettle", "blue kettle", "red sock"):
        builder.add(Product("x", title))
    index, ranks = builder.build(), np.arange(3)
    expected = [part.tolist() for part in index.top(query_terms("red kettle"), 3, ranks)]
    with pytest.raises(IndexError):
        index.top(query_terms("red kettle"), 3, ranks, np.array([99]))
    assert [part.tolist() for part in index.top(query_terms("red kettle"), 3, ranks)] == expected

"""What holds of every text: reading it twice, stop words, synonyms, scores."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog.model import Product
from catalog.text import normalise
from index.lexical_build import LexicalBuilder
from index.ranking import id_ranks
from index.words import segment
from index.words.analyser import Analyser
from index.words.languages import language
from index.words.settings import NAMING
from index.words.synonyms import Group

LANGUAGES = {code: Analyser(language(code)) for code in ("en", "de", "fr", "ja", "ru", "ar", "tr")}
MIXED = "aé12.,'\"-½ \u2019\u2032ｱ緑茶ﾃ커กำ🙂\u0301\u200dקفд\u0131 in oz"
anything = st.one_of(
    st.text(st.characters(), max_size=30),
    st.text(st.sampled_from(MIXED), max_size=30),
)
codes = st.sampled_from(sorted(LANGUAGES))


@settings(max_examples=150, deadline=None)
@given(anything, codes)
@example("1,000.50 12\" 3' 10-in 2.0l", "en")
def test_reading_is_idempotent(text, code):
    read = LANGUAGES[code].words(text)
    assert LANGUAGES[code].words(" ".join(read)) == read
    assert all(read)


@settings(max_examples=100, deadline=None)
@given(anything, codes)
def test_stop_words_never_empty_a_query(text, code):
    analyser = LANGUAGES[code]
    terms = analyser.query_terms(text)
    assert bool(terms.counts) == bool(analyser.words(text))
    assert all(term and count > 0 for term, count in terms.counts)


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_stop_words_alone_are_looked_for(code):
    analyser = LANGUAGES[code]
    for word in analyser.language.stop_words:
        assert analyser.query_terms(word).counts


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(max_codepoint=127), max_size=30))
def test_plain_text_is_read_alike_on_both_ways(text):
    plain = normalise(text)
    slow = [
        match[0]
        for match in segment._unicode().finditer(plain)
        if match.lastgroup in ("word", "number")
    ]
    assert segment.words(plain) == slow


WORDS = ("tv", "television", "set", "smart", "watch", "smartwatch", "the", "red")
GROUPS = (
    Group((("tv",), ("televis", "set")), (("tv",), ("televis",), ("televis", "set"))),
    Group((("red",),), (("red",), ("smart", "watch"))),
)
READING = Analyser(splits={"smartwatch": ("smart", "watch")}, groups=GROUPS)
titles = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join), min_size=1, max_size=6
)
queries = st.lists(st.sampled_from((*WORDS, "unknown")), min_size=1, max_size=5).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(titles)
def test_the_index_holds_the_terms_that_a_product_alone_gives(texts):
    """Live updates read one product; the build reads all at once."""
    builder = LexicalBuilder(analyser=READING)
    expected: Counter[str] = Counter()
    for number, text in enumerate(texts):
        builder.add(Product(str(number), text))
        expected.update(set(READING.product_terms(text)[0]))
    index = builder.build()
    assert {term: index.document_frequency(term) for term in expected} == expected
    lengths = [READING.product_terms(text)[1] for text in texts]
    filled = [length for length in lengths if length]
    assert index.statistics.mean_lengths["title"] == pytest.approx(np.mean(filled or [1.0]))


@settings(max_examples=80, deadline=None)
@given(titles, queries, st.integers(1, 6))
def test_scores_with_synonyms_lie_in_0_to_1_and_are_the_same_float_everywhere(texts, query, count):
    builder = LexicalBuilder(analyser=READING)
    for number, text in enumerate(texts):
        builder.add(Product(str(number), text))
    index, terms = builder.build(), READING.query_terms(query)
    every = index.score(terms, np.arange(len(texts)))
    assert 0.0 <= every.min() <= every.max() <= 1.0
    ids = [str(number) for number in range(len(texts))]
    rows, scores, _ = index.top(terms, count, id_ranks(ids))
    assert scores.tolist() == every[rows].tolist()
    assert rows.tolist() == sorted(np.flatnonzero(every), key=lambda r: (-every[r], ids[r]))[:count]


@settings(max_examples=40, deadline=None)
@given(st.lists(anything, min_size=1, max_size=4), codes)
def test_any_text_can_be_indexed_and_asked_for(texts, code):
    builder = LexicalBuilder(analyser=LANGUAGES[code], learn=lambda corpus: corpus.learn(NAMING))
    for number, text in enumerate(texts):
        builder.add(Product(str(number), text or "x", description=text))
    index = builder.build()
    for text in texts:
        scores = index.score(index.analyser.query_terms(text), np.arange(len(texts)))
        assert np.isfinite(scores).all()
        assert scores.max(initial=0.0) <= 1.0

"""Corrections leave alone what the shop knows, whatever stands around it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.slips import with_a_slip
from catalog.text import normalise
from index.request import SearchRequest

anything = st.text(st.characters(), min_size=1, max_size=20)
seeds = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def speller(engine):
    return engine.speller


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_trusted_words_come_out_as_they_went_in(speller, data):
    trusted = sorted(speller.dictionary.trusted)
    known = data.draw(st.lists(st.sampled_from(trusted), min_size=1, max_size=4))
    slipped = [with_a_slip(word, data.draw(seeds)) or word for word in known]
    mixed = data.draw(st.permutations([*known, *slipped[:1]]))
    text, corrections = speller.correct(" ".join(mixed))
    touched = {word for one in corrections for word in one.typed.split()}
    assert not touched & speller.dictionary.trusted
    for word in known:
        assert word in text.split()


@settings(max_examples=100, deadline=None)
@given(anything, st.integers(0, 999))
def test_words_with_a_digit_stay(speller, text, number):
    model = f"kettel{number}"
    corrected, corrections = speller.correct(normalise(f"{model} {text}"))
    assert corrected.startswith(model)
    assert all(model not in one.typed for one in corrections)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_any_text_is_corrected_to_a_normalised_one(speller, text):
    corrected, corrections = speller.correct(normalise(text))
    assert normalise(corrected) == corrected
    assert (corrected != normalise(text)) == bool(corrections)
    assert speller.correct(normalise(text)) == (corrected, corrections)


def test_the_score_of_a_corrected_query_is_that_of_the_correction(engine):
    wrong = engine.search(SearchRequest("almnd milk"))
    right = engine.search(SearchRequest("almond milk"))
    off = engine.search(SearchRequest("almnd milk", correct=False))
    assert [(hit.id, hit.relevance) for hit in wrong.hits] == [
        (hit.id, hit.relevance) for hit in right.hits
    ]
    assert wrong.query.corrections == ({"from": "almnd", "to": "almond"},)
    assert (wrong.query.raw, wrong.query.normalized) == ("almnd milk", "almond milk")
    assert off.query.corrections == ()
    assert off.query.normalized == "almnd milk"


def test_the_correction_is_the_same_under_every_filter(engine):
    plain = engine.search(SearchRequest("almnd milk")).query
    for filtering in ('brand = "Corvo"', "price < 0.01"):
        assert engine.search(SearchRequest("almnd milk", filter=filtering)).query == plain

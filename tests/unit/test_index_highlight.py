"""Marked words: by stem and unit, in any script, in text that is safe to show."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.highlight import WINDOW, Highlighter
from index.words.analyser import Analyser
from index.words.synonyms import Group

ENGLISH = Analyser()
SYNONYMS = Analyser(groups=(Group((("tv",),), (("tv",), ("televis", "set"))),))


def marked(query: str, text: str, analyser: Analyser = ENGLISH) -> list[str]:
    html = Highlighter(analyser.query_terms(query), analyser).mark(text)
    return [unescape(part) for part in re.findall(r"<mark>(.*?)</mark>", html)]


@pytest.mark.parametrize(
    ("query", "text", "words"),
    [
        ("almond milk", "Almond Milks, 1 l", ["Almond", "Milks"]),
        ("running shoe", "Shoes you RUN in", ["Shoes", "RUN"]),
        ("10 ounces", "10oz, 10-oz, 12 oz", ["10", "oz", "10", "oz", "oz"]),
        ("levi's jeans", "Levi\u2019s JEANS", ["Levi\u2019s", "JEANS"]),
        ("cafe", "Cafe\u0301 or CAFÉ", ["Cafe\u0301", "CAFÉ"]),
        ("the milk", "the milk", ["milk"]),
        ("the", "the milk", ["the"]),
        ("東京都", "大東京都庁", ["東京都"]),
        ("京", "大東京都庁, 京", ["京", "京"]),
        ("milk", "oat drink", []),
        ("milk", "", []),
    ],
)
def test_words_are_marked_as_the_search_reads_them(query, text, words):
    assert marked(query, text) == words


def test_synonyms_are_marked_where_the_whole_phrase_stands():
    assert marked("tv", "television set, a set, TV", SYNONYMS) == ["television", "set", "TV"]


def test_a_compound_is_marked_apart_and_joined():
    compounds = Analyser(splits={"usbc": ("usb", "c")})
    assert marked("usbc", "USB-C to usbc, vitamin c", compounds) == ["USB", "C", "usbc"]


def test_everything_else_is_escaped():
    html = Highlighter(ENGLISH.query_terms("milk"), ENGLISH).mark(
        "<b onclick=\"x\">milk & 'co'</b>"
    )
    assert html == (
        "&lt;b onclick=&quot;x&quot;&gt;<mark>milk</mark> &amp; &#x27;co&#x27;&lt;/b&gt;"
    )


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=400)
    | st.lists(st.sampled_from(["oats", "milk", "<i>", "&", "東京", "x" * 90])).map(" ".join),
    st.sampled_from(["oat milk", "東京", "x", "1 l"]),
)
def test_what_is_shown_is_a_part_of_the_text(text, query):
    html = Highlighter(ENGLISH.query_terms(query), ENGLISH).mark(text)
    bare = re.sub(r"</?mark>", "", html)
    assert not re.search(r"[<>\"']", bare)
    shown = unescape(bare)
    assert shown == text or shown.strip("…") in text
    assert len(shown) <= max(len(text), WINDOW + 2)


def test_a_long_text_is_cut_around_the_first_mark():
    text = "word " * 100 + "good oats " + "tail " * 100
    html = Highlighter(ENGLISH.query_terms("oat"), ENGLISH).mark(text)
    assert html.startswith("…word")
    assert html.endswith("tail…")
    assert "good <mark>oats</mark> tail" in html
    unmarked = Highlighter(ENGLISH.query_terms("nothing"), ENGLISH).mark(text)
    assert unmarked.startswith("word")
    assert len(unmarked) <= WINDOW + 1

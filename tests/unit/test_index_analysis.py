from __future__ import annotations

import pytest

from index.analysis import MAX_QUERY_TERMS, query_terms, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Women's Rain-Jackets", ["women's", "rain", "jackets"]),
        ("LEVI\u2019S", ["levi's"]),
        ("10oz and 10 oz", ["10", "oz", "and", "10", "oz"]),
        ("1.5 l, 2,5", ["1.5", "l", "2", "5"]),
        ("snake_case/AC\u200bDC", ["snake", "case", "acdc"]),
        ("\uff26\uff55\uff4c\uff4c \ufb01t", ["full", "fit"]),
        ("🙂 !!", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_query_terms_are_stemmed_counted_and_sorted():
    assert query_terms("socks for a sock and running").counts == (("run", 1), ("sock", 2))


def test_stop_words_stay_when_there_is_nothing_else():
    assert query_terms("the and").counts == (("and", 1), ("the", 1))
    assert query_terms("the kettle").counts == (("kettl", 1),)


def test_terms_beyond_the_bound_are_dropped_and_counted():
    terms = query_terms(" ".join(f"w{number}" for number in range(50)))
    assert sum(count for _, count in terms.counts) == MAX_QUERY_TERMS
    assert terms.dropped == 100 - MAX_QUERY_TERMS  # `w7` is two words
    assert query_terms("kettle").dropped == 0

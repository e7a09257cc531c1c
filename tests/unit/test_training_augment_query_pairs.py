"""Pairs of queries by shared exact products: numbers worked out by hand."""

from __future__ import annotations

from random import Random

import pytest

from catalog.errors import TrainingError
from training.augment.query_pairs import QueryPair, query_pairs

GRADED = {
    "oat milk": {1: 2, 2: 2, 3: 2, 4: 1, 5: 0},
    "oat drink": {1: 2, 2: 2, 3: 2, 6: 2},
    "vegan milk": {2: 2, 3: 2, 4: 2, 7: 2},
    "milk": {4: 2, 5: 2},
    "barista oat": {1: 2},
    "kettle": {9: 2, 1: 1, 2: 1, 3: 1},
}


def test_jaccard_of_the_exact_products():
    assert query_pairs(GRADED, threshold=0.4) == [
        QueryPair("oat milk", "oat drink", 3, 3 / 4),
        QueryPair("oat milk", "vegan milk", 2, 2 / 5),
    ]
    assert [pair.similarity for pair in query_pairs(GRADED, threshold=0.3)] == [3 / 4, 2 / 5, 2 / 6]


def test_one_product_in_common_is_not_enough_unless_asked_for():
    alike = query_pairs({"a": {1: 2}, "b": {1: 2}}, threshold=0.5)
    assert alike == []
    assert query_pairs({"a": {1: 2}, "b": {1: 2}}, 0.5, least_shared=1) == [
        QueryPair("a", "b", 1, 1.0)
    ]


def test_substitutes_and_irrelevant_products_say_nothing():
    assert query_pairs({"a": {1: 1, 2: 1, 3: 0}, "b": {1: 1, 2: 1, 3: 0}}, 0.1, 1) == []


def test_all_pairs_equal_plain_loops():
    rng = Random(7)
    graded = {
        f"q{n}": {row: rng.randrange(3) for row in rng.sample(range(12), 8)} for n in range(30)
    }
    expected = set()
    for first in graded:
        for second in graded:
            if first < second:
                one, other = (
                    {row for row, grade in graded[q].items() if grade == 2} for q in (first, second)
                )
                if len(one & other) >= 2 and len(one & other) / len(one | other) >= 0.25:
                    expected.add((frozenset((first, second)), len(one & other)))
    found = query_pairs(graded, threshold=0.25)
    assert {(frozenset((pair.first, pair.second)), pair.shared) for pair in found} == expected
    assert len(found) == len(expected) > 20
    assert found == sorted(found, key=lambda pair: (-pair.similarity, -pair.shared))


@pytest.mark.parametrize(("threshold", "least"), [(0, 2), (1.1, 2), (float("nan"), 2), (0.5, 0)])
def test_impossible_settings_are_refused(threshold, least):
    with pytest.raises(TrainingError, match="need something in common"):
        query_pairs(GRADED, threshold, least)

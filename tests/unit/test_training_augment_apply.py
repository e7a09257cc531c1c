"""What joins the training queries of a corpus, from where, and what is said about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.errors import TrainingError
from catalog.model import Product
from training.augment.apply import augmented
from training.augment.generated import FileQueries
from training.corpus import Corpus
from training.recipe import Recipe
from training.settings import AugmentSettings

PRODUCTS = [Product(f"p{row}", f"Kettle No {row}", category=("Kettle",)) for row in range(10)]
GRADED = {"glass kettle": {0: 2, 1: 0}, "steel kettle": {2: 2, 3: 1}}
FILE = FileQueries({f"p{row}": [f"Made for {row}"] for row in range(10)})


class Exact:
    """Calls everything an exact match."""

    def grade(self, pairs):
        return [2] * len(pairs)


EXACT = Exact()


def corpus(**parts):
    items = [product.title for product in PRODUCTS]
    return replace(Corpus(PRODUCTS, items, GRADED, {"made for 4": {4: 2}}, ["made for 5"]), **parts)


def grown(share=1.0, misspelt=0.0, generator=FILE, judge=EXACT, **options):
    recipe = Recipe(augment=AugmentSettings(misspelt, share))
    said = []
    found = augmented(corpus(), recipe, judge, said.append, generator=generator, **options)
    return found, said


def test_a_file_takes_the_place_of_the_templates():
    found, said = grown(held_out={"made for 6"})
    expected = {f"made for {row}" for row in (1, 7, 8, 9)}
    assert found.added == expected, "0, 2 and 3 have a positive query, 4 to 6 are known or unseen"
    assert found.train.keys() == {*GRADED, *expected}
    assert found.judged == GRADED
    assert said[0].startswith("synthetic queries: 4 of 4 made")
    templates, _ = grown(generator=None)
    assert templates.added
    assert not templates.added & expected


def test_the_share_bounds_what_is_taken_of_a_file():
    found, said = grown(share=0.2)
    assert len(found.added) == 2
    assert said[0].startswith("synthetic queries: 2 of 2 made")


def test_a_file_that_adds_nothing_is_said():
    found, said = grown(generator=FileQueries({"p0": ["for one that has a query"]}))
    assert found.added == frozenset()
    assert said[1:] == ["  no product without a positive query gave a new one"]


def test_misspelt_variants_are_no_judgments_of_people():
    found, _ = grown(share=0.0, misspelt=1.0, judge=None)
    assert len(found.added) == 2
    assert found.judged == GRADED
    assert corpus().judged == GRADED


def test_a_file_needs_a_judge_too():
    with pytest.raises(TrainingError, match="need a judge"):
        grown(judge=None)


def test_no_misspelt_variant_is_a_query_held_out():
    first, _ = grown(share=0.0, misspelt=1.0, judge=None)
    found, _ = grown(share=0.0, misspelt=1.0, judge=None, held_out=set(first.added))
    assert not found.added & first.added


def test_who_graded_what_goes_along():
    given = corpus(sources={"glass kettle": {1: "llm"}})
    recipe = Recipe(augment=AugmentSettings(1.0, 1.0))
    found = augmented(given, recipe, EXACT, lambda line: None, judge_name="tea", generator=FILE)
    assert found.sources["made for 1"] == dict.fromkeys(found.train["made for 1"], "tea")
    assert found.sources["glass kettle"] == {1: "llm"}
    assert "steel kettle" not in found.sources
    lists = [found.sources.get(query, {}) for query in found.added]
    assert lists.count({1: "llm"}) == 1, "the misspelt glass kettle"
    assert lists.count({}) == 1, "the misspelt steel kettle, graded by people"
    others = [names for names in lists if names not in ({}, {1: "llm"})]
    assert len(others) == 10, "five made-up queries, each as it is and misspelt"
    assert {name for names in others for name in names.values()} == {"tea"}

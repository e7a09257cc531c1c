"""Synthetic queries of hand-made products: who gets one, its words, its pairs, its judge."""

from __future__ import annotations

import json

import pytest

from catalog.errors import CatalogError, TrainingError
from catalog.issues import Issues
from catalog.model import Grade, Judgment, Product
from catalog.readers import read_judgments, write_judgments
from training.augment.generated import FileQueries
from training.augment.synthetic import SyntheticSettings, synthetic_queries
from training.augment.wording import TemplateQueries, head_words
from training.judge import HumanJudge

JACKET = Product(
    "j1",
    "Corvo Red Storm Jacket with Hood, Size M",
    brand="Corvo",
    category=("Clothing", "Rain Jacket"),
    attributes={"colour": "Red", "note": "machine washable at any time"},
)
SHOP = [
    JACKET,
    Product("k1", "Ardena Electric Kettle 1.7 l", "Ardena", ("Kitchen", "Kettle")),
    Product("k2", "Bolt Glass Kettle", "Bolt", ("Kitchen", "Kettle"), {"colour": "clear"}),
    Product("h1", "Garden Hose 20 m", "", ("Garden", "Hose")),
    Product("t1", "Black Tea, 50 bags", "Näsby", ("Pantry", "Tea")),
    Product("x9", "4711", "", ()),
]
WHOLE = SyntheticSettings(share=1.0, nearest=2, random=1)


class ByCategory:
    """Grades by whether the query's last word names the category; silent on tea."""

    def __init__(self):
        self.asked = []

    def grade(self, pairs):
        self.asked.append(list(pairs))
        return [None if row == 4 else 2 * _names(query, row) for query, row in pairs]


def _names(query, row):
    path = SHOP[row].category
    return bool(path) and path[-1].lower().split()[-1] == query.split()[-1]


def make(graded=None, judge=None, settings=WHOLE, seed=7, **options):
    return synthetic_queries(SHOP, graded or {}, judge or ByCategory(), settings, seed, **options)


def test_every_template_of_a_product():
    assert set(TemplateQueries(3).queries(JACKET)) <= {
        "red rain jacket",
        "corvo rain jacket",
        "rain jacket",
        "red storm jacket",
        "corvo storm jacket",
        "corvo red storm jacket",
        "storm jacket",
    }
    met = {query for seed in range(40) for query in TemplateQueries(seed).queries(JACKET)}
    assert len(met) == 7
    assert TemplateQueries(3).queries(JACKET) == TemplateQueries(3).queries(JACKET)


@pytest.mark.parametrize(
    ("title", "brand", "most", "expected"),
    [
        ("Corvo Red Storm Jacket with Hood, Size M", "Corvo", 2, "storm jacket"),
        ("Memory Foam Mattress - Queen", "", 3, "memory foam mattress"),
        ("Set of 4 Coffee Mugs (White)", "", 2, "coffee mugs"),
        ("Chicken and Vegetable Soup, 18.5 oz", "", 3, "vegetable soup"),
        ("12 oz, Black Beans", "", 2, "oz"),
        ("Paperwhite", "Paperwhite", 2, "paperwhite"),
        ("4711", "", 2, ""),
        ("", "", 2, ""),
        ("Женские Кроссовки 42", "", 2, "женские кроссовки"),
    ],
)
def test_head_words(title, brand, most, expected):
    assert head_words(title, brand, most) == expected


@pytest.mark.parametrize(
    "category", ["Coats & Jackets", "soup-stew", "Home/Garden", "Things to Wear When It Rains", ""]
)
def test_the_name_of_a_shelf_is_no_type(category):
    product = Product("p", "Blue Thing", category=(category,))
    assert TemplateQueries(1).queries(product) == ["blue thing"]
    assert "t-shirt" in TemplateQueries(1).queries(Product("p", "X", category=("T-Shirt",)))


def test_long_or_coded_attributes_are_left_out():
    product = Product("p", "", attributes={"a": "10.dark gray", "b": "x/y"}, category=("Hat",))
    assert TemplateQueries(1).queries(product) == ["hat"]
    product = Product("p", "", attributes={"a": "500 ml"}, category=("Cup",))
    assert set(TemplateQueries(1).queries(product)) == {"500 ml cup", "cup"}


def test_only_products_without_a_positive_query_get_one():
    graded = {"kettle": {1: 2, 2: 1, 0: 0}}
    found = make(graded)
    assert set(found.source.values()) == {0, 3, 4}, "a grade of 0 is no answer; 4711 has no word"
    assert found.made == 3


def test_the_ratio_is_a_share_of_all_products_and_the_draw_seeded():
    half = SyntheticSettings(share=0.5, nearest=1, random=1)
    assert make(settings=half).made == 3
    assert make(settings=half) == make(settings=half)
    assert len({tuple(make(settings=half, seed=seed).source) for seed in range(8)}) > 1
    assert make(settings=SyntheticSettings(share=0.0)).made == 0
    assert make(settings=SyntheticSettings()).made == 0, "a twentieth of six products is none"


def test_every_pair_goes_to_the_judge_at_once_and_none_is_assumed():
    judge = ByCategory()
    found = make(judge=judge)
    (pairs,) = judge.asked
    assert len(pairs) == len(set(pairs)) == found.asked
    given = {
        (query, row): grade
        for query, grades in found.graded.items()
        for row, grade in grades.items()
    }
    assert given == {pair: 2 * _names(*pair) for pair in pairs if pair[1] != 4}
    assert found.judged == len(given) < found.asked


def test_what_nobody_can_grade_gives_nothing():
    found = make(judge=HumanJudge({}))
    assert (found.graded, found.source, found.judged) == ({}, {}, 0)
    assert found.made == 5


def test_a_query_is_paired_with_its_product_and_with_those_of_other_queries():
    graded = {"glass kettle": {2: 2}, "old hose": {3: 1}}
    judge = ByCategory()
    settings = SyntheticSettings(share=1.0, nearest=1, random=1)
    found = synthetic_queries(SHOP, graded, judge, settings, 7, generator=Said("ardena kettle"))
    assert found.source == {"ardena kettle": 1}
    (pairs,) = judge.asked
    assert pairs == [("ardena kettle", 1), ("ardena kettle", 2), ("ardena kettle", 3)]
    assert found.graded == {"ardena kettle": {1: 2, 2: 2, 3: 0}}


class Said:
    """One query for the Ardena kettle."""

    def __init__(self, *queries):
        self._queries = queries

    def queries(self, product):
        return self._queries if product.id == "k1" else []


def test_a_known_query_is_not_made_again():
    generator = Said("  Old HOSE ", "", "dev query", "New Kettle", "other")
    found = make({"old hose": {3: 2}}, generator=generator, known={"dev query"})
    assert list(found.source) == ["new kettle"]
    assert make({"old hose": {3: 2}}, generator=Said("old hose")).made == 0


def test_judgments_say_that_they_are_synthetic(tmp_path):
    found = make()
    judgments = list(found.judgments(SHOP))
    assert len(judgments) == found.judged > 3
    assert Judgment("hose", "h1", Grade.EXACT, "synthetic") in list(
        make(seed=_seed_of("hose")).judgments(SHOP)
    )
    write_judgments(tmp_path / "synthetic.tsv", judgments)
    assert list(read_judgments(tmp_path / "synthetic.tsv")) == judgments


def _seed_of(query):
    return next(seed for seed in range(50) if query in make(seed=seed).source)


def test_queries_of_a_language_model_come_from_a_file(tmp_path):
    path = tmp_path / "queries.jsonl"
    rows = [("k1", "kettle for the office"), ("k1", "fast kettle"), ("zz", "nobody"), ("h1", " ")]
    path.write_text("".join(json.dumps({"product_id": p, "query": q}) + "\n" for p, q in rows))
    issues = Issues()
    generator = FileQueries.read(path, issues=issues)
    assert generator.queries(SHOP[1]) == ["kettle for the office", "fast kettle"]
    assert generator.queries(SHOP[0]) == []
    assert (issues.kept, issues.counts["empty query"]) == (3, 1)
    assert make(generator=generator).source == {"kettle for the office": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("product_id\tquestion\nk1\tkettle\n", "a needed column is missing: query"),
        ("product_id\tquery\nk1\t\n", "gave no query"),
    ],
)
def test_a_file_without_queries_is_refused(tmp_path, text, said):
    path = tmp_path / "queries.tsv"
    path.write_text(text)
    with pytest.raises(CatalogError, match=said):
        FileQueries.read(path)


def test_a_broken_line_is_reported_or_fatal(tmp_path):
    path = tmp_path / "queries.jsonl"
    path.write_text('{"product_id": {"a": 1}, "query": "q"}\n{"product_id": "k1", "query": "q"}\n')
    issues = Issues()
    assert FileQueries.read(path, issues=issues).queries(SHOP[1]) == ["q"]
    assert issues.counts["broken line"] == 1
    with pytest.raises(CatalogError, match=r"queries\.jsonl:1"):
        FileQueries.read(path, strict=True)


def test_a_product_that_is_not_there_is_reported_or_fatal(tmp_path):
    path = tmp_path / "queries.tsv"
    path.write_text("product_id\tquery\nzz\tnobody's\nk1\tfast kettle\n")
    issues, known = Issues(), {product.id for product in SHOP}
    found = FileQueries.read(path, known_products=known, issues=issues)
    assert found.queries(SHOP[1]) == ["fast kettle"]
    assert (issues.kept, issues.counts["unknown product"]) == (1, 1)
    with pytest.raises(CatalogError, match=r"queries\.tsv:2: no product 'zz' in the catalogue"):
        FileQueries.read(path, known_products=known, strict=True)
    with pytest.raises(CatalogError, match="gave no query"):
        FileQueries.read(path, known_products={"k2"})


@pytest.mark.parametrize(
    "settings",
    [
        SyntheticSettings(share=1.5),
        SyntheticSettings(share=float("nan")),
        SyntheticSettings(nearest=-1),
        SyntheticSettings(random=-1),
    ],
)
def test_impossible_numbers_are_refused(settings):
    with pytest.raises(TrainingError, match="no such number of synthetic queries"):
        make(settings=settings)

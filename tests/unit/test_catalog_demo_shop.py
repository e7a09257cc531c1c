"""The made-up shop as written: counts, shares, judgments that obey the policy."""

import csv
import math
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog.artefact import read_manifest
from catalog.cli import app
from catalog.demo import POLICIES, QueryCounts, generate, grade, write
from catalog.demo.pools import PoolSizes
from catalog.demo.queries import zipf
from catalog.demo.wording import KIND_SHARES
from catalog.errors import BundleError, CatalogError
from catalog.model import Grade
from catalog.readers import read_judgments, read_products, read_queries
from catalog.text import normalise

COUNTS = QueryCounts(300, 150, 100)


@pytest.fixture(scope="module")
def shop():
    return generate(7, 4000, counts=COUNTS)


@pytest.fixture(scope="module")
def judged(shop):
    found = defaultdict(dict)
    for judgments in shop.judgments.values():
        for judgment in judgments:
            found[judgment.query][judgment.product_id] = judgment.grade
    return found


def test_products_are_whole(shop):
    assert len({product.id for product in shop.products}) == len(shop.products) == 4000
    assert len({product.category[0] for product in shop.products}) >= 10
    assert len({product.category for product in shop.products}) >= 100
    for product in shop.products:
        assert len(product.category) == 3
        assert product.title.strip() == product.title != ""
        assert all((product.brand, product.description, product.attributes))
        assert "{" not in product.title + product.description
        assert product.price > 0
        assert product.stock >= 0


def test_titles_are_noisy_but_not_useless(shop):
    share = len(shop.products)
    named = sum(product.category[2].lower() in product.title.lower() for product in shop.products)
    branded = sum(product.brand.lower() in product.title.lower() for product in shop.products)
    shouted = sum(product.brand.upper() in product.title for product in shop.products)
    empty = sum(product.stock == 0 for product in shop.products)
    assert 0.85 < named / share < 0.97
    assert 0.75 < branded / share < 0.92
    assert 0.02 < shouted / share < 0.10
    assert 0.04 < empty / share < 0.09


def test_popularity_and_frequency_are_heavy_tailed(shop):
    assert slope([product.popularity for product in shop.products]) == pytest.approx(-0.8, abs=0.02)
    assert slope([query.frequency for query in shop.queries]) == pytest.approx(-1.0, abs=0.05)
    assert list(zipf(3)) == [100_000, 50_000, 33_333]


def slope(values):
    ranked = sorted(values, reverse=True)
    points = [(math.log(rank), math.log(value)) for rank, value in enumerate(ranked, 1)]
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    above = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return above / sum((x - mean_x) ** 2 for x, _ in points)


def test_queries_come_as_asked(shop):
    assert Counter(query.split for query in shop.queries) == {
        "train": 300,
        "calibration": 150,
        "test": 100,
    }
    kinds = Counter(query.kind for query in shop.queries)
    for kind, share in KIND_SHARES.items():
        assert kinds[kind] >= 0.7 * share * len(shop.queries)


def test_splits_share_neither_text_nor_intent(shop):
    texts, intents = defaultdict(set), defaultdict(set)
    for query in shop.queries:
        texts[normalise(query.text)].add(query.split)
        intents[query.intent.key].add(query.split)
    assert len(texts) == len(shop.queries)
    assert all(len(splits) == 1 for splits in intents.values())


def test_grades_are_those_of_the_policy(shop, judged):
    products = {product.id: product for product in shop.products}
    for query in shop.queries:
        for product_id, mark in judged[query.text].items():
            assert mark == grade(query.intent, products[product_id])


def test_training_pools_teach_an_order(shop, judged):
    for query in shop.queries:
        if query.split == "train":
            marks = Counter(judged[query.text].values())
            assert len(marks) >= 2
            assert sum(marks.values()) == PoolSizes().total
            assert marks[Grade.EXACT] <= 12
            assert marks[Grade.SUBSTITUTE] <= 12


def test_held_out_pools_hold_all_that_matters(shop, judged):
    cut = 0
    for query in (query for query in shop.queries if query.split != "train"):
        truth = {p.id: mark for p in shop.products if (mark := grade(query.intent, p))}
        found = {p: mark for p, mark in judged[query.text].items() if mark}
        exact = {p for p, mark in truth.items() if mark is Grade.EXACT}
        assert {p for p, mark in found.items() if mark is Grade.EXACT} == exact
        if found != truth:
            cut += query.split == "test"
            assert len(found) == len(exact) + 200
            assert found.items() <= truth.items()
    assert cut == shop.cut


def test_most_zeros_are_hard(shop, judged):
    products = {product.id: product for product in shop.products}
    hard = total = 0
    for query in (query for query in shop.queries if query.kind == "type"):
        words = set(normalise(query.text).split())
        categories = {p.category[1] for p in shop.products if p.category[2] in query.intent.types}
        for product_id, mark in judged[query.text].items():
            if mark is Grade.IRRELEVANT:
                product = products[product_id]
                said = set(normalise(" ".join((product.title, *product.category))).split())
                hard += product.category[1] in categories or bool(words & said)
                total += 1
    assert hard > 0.6 * total


def test_policy_changes_grades_and_nothing_else(shop):
    strict = generate(7, 4000, counts=COUNTS, policy="strict")
    assert strict.products == shop.products
    assert {q.text for q in strict.queries} == {q.text for q in shop.queries}
    bare = next(
        q for q in strict.queries if q.split == "test" and q.kind == "type" and q.intent.complements
    )
    ones = {p.id for p in shop.products if grade(bare.intent, p, POLICIES["strict"]) == 1}
    written = {j.product_id for j in strict.judgments["test"] if j.query == bare.text and j.grade}
    exact = {p.id for p in shop.products if grade(bare.intent, p) == 2}
    assert written == ones | exact


def test_written_files_read_back(shop, tmp_path):
    manifest = write(shop, tmp_path / "data")
    assert read_manifest(tmp_path / "data", "demo-data") == manifest
    assert list(read_products(tmp_path / "data" / "products.jsonl", strict=True)) == [
        replace(product, category=tuple(product.category)) for product in shop.products
    ]
    known = {product.id for product in shop.products}
    for split, judgments in shop.judgments.items():
        path = tmp_path / "data" / f"qrels_{split}.tsv"
        assert tuple(read_judgments(path, known_products=known, strict=True)) == judgments


def test_training_queries_stand_alone(shop, tmp_path):
    write(shop, tmp_path / "data")
    pool = {query for query, _ in read_queries(tmp_path / "data" / "queries.tsv")}
    with (tmp_path / "data" / "queries_heldout.tsv").open() as stream:
        held_out = list(csv.DictReader(stream, delimiter="\t"))
    assert pool == {query.text for query in shop.queries if query.split == "train"}
    assert Counter(row["split"] for row in held_out) == {"calibration": 150, "test": 100}
    assert not pool & {row["query"] for row in held_out}


def test_other_things_are_not_overwritten(shop, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(BundleError):
        write(shop, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"products": 0}, "no shop of that size"),
        ({"products": -5}, "no shop of that size"),
        ({"products": 10**9}, "no shop of that size"),
        ({"counts": QueryCounts(test=0)}, "no set of test queries"),
        ({"counts": QueryCounts(train=10**7)}, "no set of train queries"),
        ({"policy": "kind"}, "unknown policy"),
    ],
)
def test_nonsense_is_refused(arguments, message):
    with pytest.raises(CatalogError, match=message):
        generate(**{"products": 100, **arguments})


def test_command(tmp_path):
    options = ["--products=200", "--train-queries=40", "--calibration-queries=20"]
    options += ["--test-queries=20", "--seed=3", f"--out={tmp_path / 'data'}"]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert 3 <= len(lines) <= 5
    assert lines[0] == "200 products of 176 types"
    manifest = read_manifest(tmp_path / "data", "demo-data")
    assert manifest.config["seed"] == 3
    assert manifest.quality["queries"] == {"train": 40, "calibration": 20, "test": 20}
    refused = CliRunner().invoke(app, ["--out", str(tmp_path / "no"), "--policy", "kind"])
    assert isinstance(refused.exception, CatalogError)
    assert not (tmp_path / "no").exists()


def test_documented():
    page = (Path(__file__).parents[2] / "docs" / "demo-shop.md").read_text()
    for option in app.registered_commands[0].callback.__annotations__:
        if option != "return":
            assert f"`--{option.replace('_', '-')}`" in page
    for word in (*POLICIES, *KIND_SHARES):
        assert f"`{word}`" in page

"""What a run learns from: who is in train, who in dev, who must stay out."""

from __future__ import annotations

import json

import pytest

from catalog.errors import CatalogError, JudgmentError, TrainingError
from catalog.issues import Issues
from catalog.model import Grade, Judgment, Product
from catalog.readers import write_judgments, write_products
from catalog.split import query_hash
from catalog.template import TextTemplate
from catalog.text import normalise
from training.corpus import CorpusFiles, read_corpus

PRODUCTS = [Product(f"p{n}", f"Kettle No. {n}", brand="Ardena") for n in range(12)]
WORDS = ["red", "blue", "green", "steel", "glass", "small", "large", "tall"]
QUERIES = [f"Kettle {word}" for word in WORDS]
TEMPLATE = TextTemplate(item_prefix="passage: ")


@pytest.fixture
def shop(tmp_path):
    """Writes files: `shop.qrels("a.tsv", {query: {product: grade}})`."""

    class Shop:
        products = tmp_path / "products.jsonl"

        def qrels(self, name, graded):
            path = tmp_path / name
            write_judgments(
                path,
                (
                    Judgment(query, product, Grade(grade))
                    for query, grades in graded.items()
                    for product, grade in grades.items()
                ),
            )
            return path

        def queries(self, *lines):
            path = tmp_path / "queries.txt"
            path.write_text("\n".join(lines), encoding="utf-8")
            return path

        def read(self, *, dev_fraction=0.25, seed=7, issues=None, **files):
            files = CorpusFiles(**{"products": [self.products], **files})
            issues = Issues() if issues is None else issues
            return read_corpus(files, TEMPLATE, dev_fraction=dev_fraction, seed=seed, issues=issues)

    write_products(Shop.products, PRODUCTS)
    return Shop()


def judged(queries=QUERIES):
    return {query: {"p0": 2, f"p{n + 1}": 0} for n, query in enumerate(queries)}


def test_dev_is_carved_by_query(shop):
    corpus = shop.read(qrels=[shop.qrels("a.tsv", judged())])
    assert len(corpus.dev) == 2
    assert not corpus.dev.keys() & corpus.train.keys()
    assert {*corpus.dev, *corpus.train} == {normalise(query) for query in QUERIES}
    for n, query in enumerate(QUERIES):
        grades = {**corpus.train, **corpus.dev}[normalise(query)]
        assert grades == {0: 2, n + 1: 0}


def test_the_split_follows_the_seed_and_not_the_order(shop):
    here = shop.qrels("a.tsv", judged())
    there = shop.qrels("b.tsv", judged(QUERIES[::-1]))
    splits = {
        (seed, path.name): frozenset(shop.read(qrels=[path], seed=seed).dev)
        for seed in range(4)
        for path in (here, there)
    }
    assert all(splits[seed, "a.tsv"] == splits[seed, "b.tsv"] for seed in range(4))
    assert len(set(splits.values())) > 1


def test_spellings_of_one_query_stay_together(shop):
    graded = {"Red  Kettle": {"p0": 2}, "red kettle": {"p1": 1}, "blue kettle": {"p2": 2}}
    corpus = shop.read(qrels=[shop.qrels("a.tsv", graded)], dev_fraction=0.5)
    assert {**corpus.train, **corpus.dev}["red kettle"] == {0: 2, 1: 1}
    assert len(corpus.train) == len(corpus.dev) == 1


def test_extra_judgments_teach_and_are_never_dev(shop):
    main = shop.qrels("a.tsv", judged())
    extra = shop.qrels("x.tsv", {query: {"p9": 1, "p0": 0} for query in [*QUERIES, "spade"]})
    corpus = shop.read(qrels=[main], extra_qrels=[extra], dev_fraction=0.5)
    alone = shop.read(qrels=[main], dev_fraction=0.5)
    assert corpus.dev == alone.dev, "extra judgments changed the dev split"
    assert corpus.train.keys() == alone.train.keys() | {"spade"}
    assert corpus.train["spade"] == {9: 1, 0: 0}
    for query, grades in alone.train.items():
        assert corpus.train[query] == {9: 1, **grades}, "the main judgment of a pair comes first"


def test_who_graded_a_pair_is_on_record_unless_it_was_a_person(shop, tmp_path):
    main, extra = tmp_path / "a.tsv", tmp_path / "x.tsv"
    main.write_text(
        "query\tproduct_id\tgrade\tsource\n"
        "spade\tp0\t2\thuman\nspade\tp1\t1\tllm:one\nrake\tp0\t2\t\n"
    )
    extra.write_text(
        "query\tproduct_id\trating\tsource\n"
        "Spade\tp0\t0\tllm:two\nspade\tp1\t0\tllm:two\nspade\tp2\t3\tllm:two\nhoe\tp3\t3\t\n"
    )
    corpus = shop.read(qrels=[main], extra_qrels=[extra], dev_fraction=0.0)
    assert corpus.train["spade"] == {0: 2, 1: 1, 2: 2}
    assert corpus.sources == {"spade": {1: "llm:one", 2: "llm:two"}, "hoe": {3: "llm"}}


def test_a_query_of_extra_judgments_alone_is_never_dev(shop):
    extra = shop.qrels("x.tsv", judged())
    corpus = shop.read(extra_qrels=[extra], dev_fraction=0.9)
    assert not corpus.dev
    assert len(corpus.train) == len(QUERIES)


def test_a_single_judged_query_is_kept_for_training(shop):
    corpus = shop.read(qrels=[shop.qrels("a.tsv", judged(["spade"]))], dev_fraction=0.5)
    assert list(corpus.train) == ["spade"]
    assert not corpus.dev


def test_no_dev_without_a_fraction(shop):
    assert not shop.read(qrels=[shop.qrels("a.tsv", judged())], dev_fraction=0.0).dev


def test_ungraded_queries_are_distinct_and_none_of_dev(shop):
    asked = shop.queries(*QUERIES, "Garden  HOSE", "garden hose")
    corpus = shop.read(qrels=[shop.qrels("a.tsv", judged())], queries=[asked], dev_fraction=0.5)
    assert len(corpus.queries) == len(set(corpus.queries))
    assert set(corpus.queries) == {*corpus.train, "garden hose"}


def test_seen_covers_every_query_that_was_used(shop):
    corpus = shop.read(
        qrels=[shop.qrels("a.tsv", judged())],
        extra_qrels=[shop.qrels("x.tsv", {"Spade": {"p3": 2}})],
        queries=[shop.queries("Garden hose")],
    )
    used = [*QUERIES, "spade", "garden hose"]
    assert corpus.seen == {query_hash(query) for query in used}


@pytest.mark.parametrize("role", ["qrels", "extra_qrels", "queries"])
def test_a_held_out_query_in_training_is_refused(shop, role):
    leak = "KETTLE  blue"
    files = {"qrels": [shop.qrels("a.tsv", judged(["spade", "rake"]))]}
    files[role] = [
        *files.get(role, []),
        shop.queries("hose", leak) if role == "queries" else shop.qrels("b.tsv", judged([leak])),
    ]
    held_out = shop.qrels("test.tsv", judged(["hammer", "Kettle Blue"]))
    with pytest.raises(JudgmentError, match="1 held-out queries") as raised:
        shop.read(held_out=[held_out], dev_fraction=0.5, **files)
    assert raised.value.where == str(held_out)
    assert "'Kettle Blue'" in raised.value.found


def test_held_out_queries_that_stay_apart_are_fine(shop):
    held_out = shop.qrels("test.tsv", judged(["hammer", "saw"]))
    corpus = shop.read(qrels=[shop.qrels("a.tsv", judged())], held_out=[held_out])
    assert not corpus.seen & {query_hash("hammer"), query_hash("saw")}


def test_items_are_rendered_by_the_template(shop):
    corpus = shop.read()
    assert [product.id for product in corpus.products] == [product.id for product in PRODUCTS]
    assert corpus.items[3] == "passage: kettle no. 3; by ardena"


def test_a_product_met_twice_counts_once(shop):
    corpus = shop.read(products=[shop.products, shop.products])
    assert len(corpus.products) == len(PRODUCTS)


def test_a_layout_maps_other_fields(shop, tmp_path):
    path = tmp_path / "esci.jsonl"
    body = {"product_id": "B0", "title": "Red Kettle", "brand": "Corvo", "color": "red"}
    path.write_text(json.dumps(body) + "\n")
    corpus = shop.read(products=[path], layout="esci")
    assert corpus.products[0].title == "Red Kettle"
    assert corpus.items[0].startswith("passage: red kettle; by corvo")


def test_an_unknown_layout_is_refused(shop):
    with pytest.raises(CatalogError):
        shop.read(layout="nonesuch")


def test_no_products_is_refused(shop):
    with pytest.raises(TrainingError, match="no products") as raised:
        shop.read(products=[])
    assert raised.value.expected == "--products FILE"


def test_judgments_of_unknown_products_are_counted_and_left_out(shop):
    path = shop.qrels("a.tsv", {"spade": {"p0": 2, "zz": 2}})
    issues = Issues()
    corpus = shop.read(qrels=[path], issues=issues)
    assert corpus.train == {"spade": {0: 2}}
    assert issues.counts == {"unknown product": 1}
    with pytest.raises(JudgmentError, match="zz"):
        shop.read(qrels=[path], strict=True)


def test_strict_stops_at_a_broken_line_of_queries(shop, tmp_path):
    path = tmp_path / "queries.tsv"
    path.write_text("query\tfrequency\nspade\t3\nrake\toften\n")
    assert shop.read(queries=[path]).queries == ["spade", "rake"]
    with pytest.raises(CatalogError, match="frequency"):
        shop.read(queries=[path], strict=True)

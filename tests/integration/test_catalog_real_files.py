"""The real files read without an issue, where they are there."""

import itertools
from pathlib import Path

import pytest

from catalog.readers import Issues, read_judgments, read_products, read_queries

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no data at {DATA}")


@pytest.mark.parametrize(
    ("name", "layout", "count"),
    [
        ("esci/products.jsonl", "esci", 6764),
        ("esci/products_extra.jsonl", "esci", 1394),
        ("grocerydb/products.tsv", "grocerydb", 24280),
        ("retail_demo/products.jsonl", "retail_demo", 2465),
    ],
)
def test_catalogues(name, layout, count):
    issues = Issues()
    products = list(read_products(DATA / name, layout, strict=True, issues=issues))
    assert len(products) == issues.kept == count
    assert issues.total == issues.left_out == 0


@pytest.mark.parametrize(
    ("name", "count", "queries"),
    [
        ("train", 2237, 50),
        ("calibration", 1117, 25),
        ("train_extra", 1996, 737),
        ("train_llm", 1080, 27),
    ],
)
def test_judgments(name, count, queries):
    files = (DATA / "esci" / file for file in ("products.jsonl", "products_extra.jsonl"))
    known = {p.id for p in itertools.chain(*(read_products(file, "esci") for file in files))}
    path = DATA / "esci" / f"qrels_{name}.tsv"
    judgments = list(read_judgments(path, known_products=known, strict=True))
    assert len(judgments) == count
    assert len({judgment.query for judgment in judgments}) == queries


def test_queries():
    queries = list(read_queries(DATA / "esci" / "queries_unlabelled.txt", strict=True))
    assert len(queries) == 6410

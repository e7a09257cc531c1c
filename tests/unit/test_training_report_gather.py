"""What a report takes from a finished run: the worst dev queries, their hits and what they miss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catalog.model import Product

pytestmark = pytest.mark.slow

PRODUCTS = [Product(f"p{row}", f"Title {row}") for row in range(30)]
DEV = {"kettle": {3: 2, 0: 0, 20: 2, 25: 2}, "hose": {1: 1}, "rake": {2: 2, 4: 1, 5: 0}}


def result():
    """Every query ranks products 0 to 14 in their order; nobody looked further."""
    from training.corpus import Corpus
    from training.dev import DevPairs, DevResult

    corpus = Corpus(PRODUCTS, [product.title for product in PRODUCTS], {}, DEV, [])
    pairs = DevPairs.of(corpus)
    cosines = (0.95 - pairs.row / 100).astype(np.float32)
    hits = np.tile(np.arange(15), (3, 1))
    measured = DevResult(
        ndcg=np.array([0.5, 0.25, 0.5]),
        recall=np.array([0.3, np.nan, 1.0]),
        hits=hits,
        hit_cosines=(0.95 - hits / 100).astype(np.float32),
        pairs=pairs,
        cosines=cosines,
    )
    return corpus, measured


def test_worst_first_and_ties_in_order():
    from training.report.gather import worst_queries

    assert [one.query for one in worst_queries(*result())] == ["hose", "kettle", "rake"]
    assert [one.query for one in worst_queries(*result(), most=2)] == ["hose", "kettle"]


def test_ten_hits_with_rank_cosine_grade_and_title():
    from training.report.gather import worst_queries

    kettle = worst_queries(*result())[1]
    assert kettle.judged == (3, 0, 1)
    assert [hit.rank for hit in kettle.hits] == list(range(1, 11))
    assert [hit.grade for hit in kettle.hits] == [0, None, None, 2, *[None] * 6]
    assert (kettle.hits[3].product, kettle.hits[3].title) == ("p3", "Title 3")
    assert kettle.hits[3].cosine == pytest.approx(0.92)


def test_exact_products_below_the_hits_are_missed():
    from training.report.gather import worst_queries

    corpus, measured = result()
    measured.hits[0, [3, 12]] = measured.hits[0, [12, 3]]  # product 3 falls to rank 13
    hose, kettle, rake = worst_queries(corpus, measured)
    assert [(one.product, one.rank) for one in kettle.missed] == [
        ("p3", 13),
        ("p20", None),
        ("p25", None),
    ]
    assert kettle.missed[0].cosine == pytest.approx(0.92)
    assert list(hose.missed) == list(rake.missed) == []


@pytest.mark.parametrize("dev", [DEV, {}], ids=["dev", "no dev"])
def test_the_facts_of_a_run(checkpoint: Path, dev: dict[str, dict[int, int]]) -> None:
    from training.corpus import Corpus
    from training.model import TwinEncoder
    from training.recipe import Recipe
    from training.report.gather import run_facts
    from training.tokenizer import learn_tokenizer

    items = [product.title for product in PRODUCTS]
    corpus = Corpus(PRODUCTS, items, {"spade": {0: 2}}, dev, ["one", "two"])
    stages = {"supcon": {"seconds": 61.0}, "mine": {"seconds": 2.0}}
    tokenizer = learn_tokenizer(items, 100)
    facts = run_facts(TwinEncoder.load(checkpoint).eval(), tokenizer, corpus, stages, Recipe())
    assert facts.sizes == {
        "products": 30,
        "graded queries": 1,
        "dev queries": len(dev),
        "ungraded queries": 2,
    }
    assert facts.seconds == 63
    assert facts.stages is stages
    assert facts.recipe["network"]["width"] == 256
    assert {one.query for one in facts.worst} == set(dev)
    worst = [one.ndcg for one in facts.worst]
    assert worst == sorted(worst)

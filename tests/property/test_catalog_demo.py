"""Any seed and size makes a whole shop, the same one every time."""

import hashlib
import os
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.demo import POLICIES, QueryCounts, generate, grade, write
from catalog.demo.noise import misheard, slip
from catalog.model import Grade
from catalog.text import normalise

FEW = QueryCounts(25, 10, 10)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(-(2**40), 2**40),
    products=st.integers(50, 500),
    policy=st.sampled_from(sorted(POLICIES)),
)
def test_any_shop_is_whole(seed, products, policy):
    shop = generate(seed, products, counts=FEW, policy=policy)
    by_id = {product.id: product for product in shop.products}
    assert len(by_id) == products
    assert all(product.title for product in shop.products)
    assert len({normalise(query.text) for query in shop.queries}) == len(shop.queries) == 45
    intents = {query.text: query.intent for query in shop.queries}
    for split, judgments in shop.judgments.items():
        marks: dict[str, set[Grade]] = {}
        for judgment in judgments:
            product = by_id[judgment.product_id]
            assert judgment.grade == grade(intents[judgment.query], product, POLICIES[policy])
            marks.setdefault(judgment.query, set()).add(judgment.grade)
        assert all(max(found) > 0 for found in marks.values())
        assert split == "test" or all(len(found) >= 2 for found in marks.values())
        pairs = {(judgment.query, judgment.product_id) for judgment in judgments}
        assert len(pairs) == len(judgments)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.integers(50, 300))
def test_equal_arguments_equal_shop(seed, products):
    assert generate(seed, products, counts=FEW) == generate(seed, products, counts=FEW)
    assert generate(seed, products, counts=FEW) != generate(seed + 1, products, counts=FEW)


def test_equal_bytes_in_every_process(tmp_path):
    shop = generate(5, 200, counts=FEW)
    code = (
        "import sys; from pathlib import Path; from catalog.demo import *;"
        "write(generate(5, 200, counts=QueryCounts(25, 10, 10)), Path(sys.argv[1]))"
    )
    write(shop, tmp_path / "here")
    # Sets of texts are ordered by a hash that differs from process to process.
    for salt in ("1", "2"):
        command = [sys.executable, "-c", code, str(tmp_path / salt)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": salt})
        assert digests(tmp_path / salt) == digests(tmp_path / "here")


def digests(directory):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.name != "manifest.json"
    }


def test_more_queries_do_not_change_the_products():
    few, more = (generate(9, 300, counts=QueryCounts(n, 5, 5)) for n in (10, 60))
    assert few.products == more.products


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=2), st.randoms(use_true_random=False))
def test_slips_never_empty_a_word(word, rng):
    assert slip(word, rng)
    assert misheard(word, rng)

"""Invariance: a pair's score is the same float wherever the pair is met.

One shop, opened whole, in two to four shards and under live updates; with float32, float16 and
byte vectors, by scan and by graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.model import Product
from index.build import BuildSettings, build_index
from index.dense import DenseSettings
from index.engine import Engine
from index.live.updatable import UpdatableIndex
from index.live.updates import Delete, Put, Update
from index.request import SearchRequest

DEPTH = 9  # arms so shallow that they are full
QUERIES = (
    "red kettle", "almond milk", "wool socks blue", "silver", "the", "kettle zzz", "zzz", "levi's",
    "running shoes 2 l", "steel flask", "kettle without steel", "socks without wool milk",
)  # fmt: skip
queries = st.sampled_from(QUERIES)
modes = st.sampled_from(["hybrid", "lexical", "semantic"])
kinds = st.sampled_from(["fp32", "fp16", "int8"])
shards = st.sampled_from([1, 2, 3, 4])

Open = Callable[[str, int, str], Engine]

Pairs = dict[str, tuple[float, float | None, float | None]]


@pytest.fixture(scope="module")
def opened(tmp_path_factory, demo_products, make_late_encoder, by_wishes) -> Open:
    """The shop with vectors of a kind, in so many shards, by a plan; each is built once."""
    made: dict[tuple[str, int, str], Engine] = {}

    def open_one(kind: str, count: int = 1, plan: str = "scan") -> Engine:
        key = kind, count, plan
        if key not in made:
            root = tmp_path_factory.mktemp("invariance")
            dense = DenseSettings(plan=plan, vectors=kind)
            chosen = BuildSettings(candidates=DEPTH, dense=dense, shards=count)
            build_index(
                demo_products, make_late_encoder(), root, settings=chosen, calibrate=by_wishes
            )
            made[key] = Engine.open(root, encoder=make_late_encoder())
        return made[key]

    return open_one


def asked(query: str, mode: str, **more: object) -> SearchRequest:
    return SearchRequest(query, limit=100, mode=mode, min_tier="irrelevant", **more)


def listed(engine: Engine, request: SearchRequest) -> list[tuple[str, float, str, int]]:
    return [(hit.id, hit.relevance, hit.tier, hit.rank) for hit in engine.search(request).hits]


def pairs(engine: Engine, query: str, mode: str) -> Pairs:
    """Score and both arms of every product that stands."""
    prepared = engine.prepare(SearchRequest(query, mode=mode))
    alive = engine.bundle.alive
    rows = np.arange(len(engine.bundle.store)) if alive is None else alive.rows
    found = engine.pairs(prepared.terms, engine.encode(prepared), prepared.mode, rows)
    nothing = [None] * len(rows)
    arms = [nothing if arm is None else arm.tolist() for arm in (found.semantic, found.lexical)]
    ids = [engine.bundle.store.ids[row] for row in rows.tolist()]
    return dict(zip(ids, zip(found.scores.tolist(), *arms, strict=True), strict=True))


def nearest(engine: Engine, query: str) -> dict[str, float]:
    """Cosine of every product that stands."""
    bundle, prepared = engine.bundle, engine.prepare(SearchRequest(query))
    rows = np.arange(len(bundle.store)) if bundle.alive is None else bundle.alive.rows
    cosines = bundle.dense.score(engine.encode(prepared), rows).tolist()
    return dict(zip([bundle.store.ids[row] for row in rows.tolist()], cosines, strict=True))


@settings(max_examples=60, deadline=None)
@given(queries, modes, kinds, shards, st.sampled_from(["scan", "graph"]), st.integers(1, 120))
def test_a_pair_scores_the_same_at_any_depth_and_in_any_shard(
    opened, query, mode, kind, count, plan, depth
):
    whole = pairs(opened(kind), query, mode)
    assert pairs(opened(kind, count, plan), query, mode) == whole
    for name, _, score in opened(kind, count, plan).retrieve(query, mode, depth):
        assert score == whole[name][0]


@settings(max_examples=60, deadline=None)
@given(queries, modes, kinds, shards, st.integers(1, 30), st.integers(0, 40))
def test_shards_answer_as_the_whole_does(opened, query, mode, kind, count, limit, offset):
    request = replace(asked(query, mode, exact=True), limit=limit, offset=offset)
    whole, cut = opened(kind).search(request), opened(kind, count).search(request)
    assert cut.hits == whole.hits
    assert (cut.total, cut.tier_counts) == (whole.total, whole.tier_counts)
    assert cut.no_confident_match == whole.no_confident_match


@settings(max_examples=30, deadline=None)
@given(queries, shards.filter(lambda count: count > 1), st.data())
def test_a_shard_served_alone_scores_as_the_whole(opened, make_late_encoder, query, count, data):
    engine = opened("fp32", count)
    number = data.draw(st.integers(1, count))
    alone = Engine.open(
        engine.bundle.directory / "shards" / f"{number}-of-{count}",
        encoder=make_late_encoder(),
        verify=False,
    )
    whole = pairs(opened("fp32"), query, "hybrid")
    own = pairs(alone, query, "hybrid")
    assert own == {name: whole[name] for name in own}
    assert 0 < len(own) < len(whole)


words = st.sampled_from(
    ("red", "kettle", "milk", "socks", "the", "steel", "flask", "zorblax", "2", "Levi's", "no")
)
products = st.builds(
    lambda number, title, brand, about: Product(
        f"p{number:03d}", " ".join(title), brand, description=" ".join(about)
    ),
    st.integers(100, 140),  # some of these are in the shop
    st.lists(words, min_size=1, max_size=6),
    words,
    st.lists(words, max_size=6),
)
updates = st.lists(
    st.one_of(products.map(Put), st.integers(90, 140).map(lambda number: Delete(f"p{number:03d}"))),
    max_size=12,
)


def touched(batch: list[Update]) -> set[str]:
    return {update.id for update in batch}


@settings(max_examples=60, deadline=None)
@given(queries, modes, kinds, shards, updates, updates)
def test_updates_leave_the_scores_of_other_products_alone(
    opened, query, mode, kind, count, first, second
):
    engine = opened(kind, count)
    index = UpdatableIndex(engine)
    before = pairs(engine, query, mode)
    index.apply(first)
    middle, state = index.engine, pairs(index.engine, query, mode)
    index.apply(second)
    after = pairs(index.engine, query, mode)
    changed = touched(first) | touched(second)
    assert {name: after[name] for name in after if name not in changed} == {
        name: before[name] for name in before if name not in changed
    }
    assert pairs(middle, query, mode) == state, "a reader keeps the state it took"
    assert pairs(engine, query, mode) == before


@settings(max_examples=60, deadline=None)
@given(modes, kinds, shards, st.lists(products, min_size=1, max_size=8), queries)
def test_a_product_scores_live_as_it_does_when_built_in(
    opened, demo_products, mode, kind, count, added, query
):
    """Statistics are frozen: taken away and put back, a product scores as before."""
    engine = opened(kind)
    index = UpdatableIndex(opened(kind, count))
    index.apply([Delete(product.id) for product in demo_products[::3]])
    index.apply([Put(product) for product in added])
    stood = {product.id for product in added}
    index.apply([Delete(name) for name in stood])
    index.apply([Put(product) for product in demo_products])
    assert pairs(index.engine, query, mode) == pairs(engine, query, mode)
    request = asked(query, mode, exact=True)
    assert listed(index.engine, request) == listed(engine, request)


@settings(max_examples=60, deadline=None)
@given(queries, modes, kinds, updates, st.integers(1, 40), st.integers(0, 30))
def test_a_page_is_a_window_under_updates(opened, query, mode, kind, batch, limit, offset):
    index = UpdatableIndex(opened(kind))
    index.apply(batch)
    whole = asked(query, mode)
    every = listed(index.engine, whole)
    page = listed(index.engine, replace(whole, limit=limit, offset=offset))
    assert page == every[offset:][:limit]
    assert every == listed(index.engine, replace(whole, exact=True)), "a scan is exact"
    gone = {name for name in touched(batch) if index.engine.bundle.store.row(name) is None}
    assert not gone & {hit[0] for hit in every}
    keys = [(-relevance, name) for name, relevance, _, _ in every]
    assert len({name for _, name in keys}) == len(keys)


@settings(max_examples=60, deadline=None)
@given(queries, st.floats(0.0, 1.0), st.sampled_from(["scan", "graph"]))
def test_a_closed_total_leaves_nothing_out(opened, query, least, plan):
    """Late interaction may lift what lies beyond the nearest; `eq` says that it does not."""
    engine = opened("fp32", 1, plan)
    request = replace(asked(query, "semantic", exact=True), min_relevance=least)
    total = engine.search(request).total
    prepared = engine.prepare(request)
    part = engine.calibration.modes[prepared.part("semantic")]
    scores = np.array([score for score, *_ in pairs(engine, query, "semantic").values()])
    passing = int((part.link.relevance(scores) >= least).sum()) if prepared.has_words else 0
    assert total.value <= passing
    if total.relation == "eq":
        assert total.value == passing


@settings(max_examples=40, deadline=None)
@given(queries, kinds, st.integers(0, 119), st.sampled_from(["scan", "graph"]))
def test_with_few_products_left_all_of_them_are_found(
    opened, demo_products, query, kind, kept, plan
):
    """Deletes and k > n: fewer rows than candidates is no error.

    The semantic arm takes the nearest by cosine, and orders them with late interaction.
    """
    index = UpdatableIndex(opened(kind, 1, plan))
    index.apply([Delete(product.id) for product in demo_products[kept:]])
    assert index.engine.bundle.products == kept
    found = listed(index.engine, asked(query, "semantic"))
    assert len(found) == min(kept, DEPTH)
    expected = pairs(index.engine, query, "semantic")
    cosines = nearest(index.engine, query)
    taken = sorted(cosines, key=lambda name: (-cosines[name], name))[:DEPTH]
    if plan == "scan":
        best = sorted(taken, key=lambda name: (-expected[name][0], name))
        assert [name for name, *_ in found] == best
    assert {name for name, *_ in found} <= set(expected)

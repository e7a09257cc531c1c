"""Invariance: a pair scores the same everywhere, a page is a window on one list."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import QueryError
from index.budgets import Budgets
from index.build import BuildSettings, build_index
from index.dense import DenseSettings
from index.engine import Engine
from index.request import SearchRequest

QUERIES = (
    "red kettle", "almond milk", "wool socks blue", "silver", "the", "kettle zzz", "zzz", "levi's",
    "running shoes 2 l", "garden hose 🙂",
)  # fmt: skip
queries = st.sampled_from(QUERIES)
modes = st.sampled_from(["hybrid", "lexical", "semantic"])


@pytest.fixture(scope="module", params=["scan", "graph"])
def shallow(tmp_path_factory, demo_products, make_encoder, request) -> Engine:
    """The same shop with arms of depth 7, so that they are full and the plan is used."""
    root = tmp_path_factory.mktemp("shallow")
    settings = BuildSettings(candidates=7, dense=DenseSettings(plan=request.param))
    build_index(demo_products, make_encoder(), root, settings=settings)
    return Engine.open(root, encoder=make_encoder())


def listed(engine, request):
    return [(hit.id, hit.relevance, hit.tier, hit.rank) for hit in engine.search(request).hits]


@settings(max_examples=60, deadline=None)
@given(queries, modes, st.integers(1, 100), st.integers(0, 60))
def test_a_page_is_a_window_on_one_list(engine, query, mode, limit, offset):
    whole = SearchRequest(query, limit=100, mode=mode, min_tier="irrelevant")
    every = listed(engine, whole) + listed(engine, replace(whole, offset=100))
    page = engine.search(replace(whole, limit=limit, offset=offset))
    assert listed(engine, replace(whole, limit=limit, offset=offset)) == every[offset:][:limit]
    assert page.total == engine.search(whole).total
    assert page.tier_counts == engine.search(whole).tier_counts
    assert page.total.value == len(every)


@settings(max_examples=60, deadline=None)
@given(queries, modes, st.booleans())
def test_pair_scores_do_not_depend_on_depth_or_company(engine, shallow, query, mode, exact):
    deep = {hit[0]: hit[1:] for hit in engine.retrieve(query, mode, 200)}
    for name, relevance, score in shallow.retrieve(query, mode, 3, exact=exact):
        assert deep[name] == (relevance, score)
    prepared = engine.prepare(SearchRequest(query, mode=mode))
    vector = engine.encode(prepared)
    rows = np.array([engine.bundle.store.row(name) for name in deep][::3], np.int64)
    alone = engine.pairs(prepared.terms, vector, prepared.mode, rows).scores
    assert alone.tolist() == [deep[engine.bundle.store.ids[row]][1] for row in rows]


@settings(max_examples=40, deadline=None)
@given(queries, modes)
def test_hits_are_ordered_and_tiers_fall_with_scores(engine, query, mode):
    found = engine.retrieve(query, mode, 200)
    keys = [(-relevance, -score, name) for name, relevance, score in found]
    assert keys == sorted(keys)
    assert len({name for name, _, _ in found}) == len(found)
    result = engine.search(
        SearchRequest(query, limit=100, mode=mode, min_tier="irrelevant", explain=True)
    )
    order = ["exact", "substitute", "irrelevant"]
    tiers = [order.index(hit.tier) for hit in result.hits]
    assert tiers == sorted(tiers)
    for hit in result.hits:
        why = hit.explain
        if why.alpha is not None:
            assert why.score == why.alpha * why.semantic + (1 - why.alpha) * why.lexical
        assert hit.relevance == pytest.approx(
            0.5 * why.p_exact + 0.5 * why.p_at_least_substitute, abs=1e-6
        )


@settings(max_examples=40, deadline=None)
@given(queries, modes, st.sampled_from(["exact", "substitute"]), st.floats(0, 1))
def test_cuts_only_shorten_the_list(engine, query, mode, tier, least):
    whole = SearchRequest(query, limit=100, mode=mode, min_tier="irrelevant")
    every = listed(engine, whole) + listed(engine, replace(whole, offset=100))
    wanted = {"exact": ("exact",), "substitute": ("exact", "substitute")}[tier]
    cut = replace(whole, min_tier=tier, min_relevance=least)
    kept = [hit for hit in every if hit[2] in wanted and hit[1] >= least]
    assert listed(engine, cut) == kept[:100]
    result = engine.search(cut)
    assert sum(result.tier_counts.values()) == result.total.value == len(kept)
    assert set(result.tier_counts) == set(wanted)


@pytest.mark.parametrize("query", QUERIES)
def test_the_plan_says_how_near_vectors_were_found(engine, shallow, query):
    fast = SearchRequest(query, limit=100, min_tier="irrelevant")
    assert listed(engine, fast) == listed(engine, replace(fast, exact=True))
    assert engine.search(fast).plan["semantic"] == "exact_scan", "c is all there is"
    words = {"scan": "scan", "graph": "hnsw"}
    assert shallow.search(fast).plan["semantic"] == words[shallow.bundle.dense.settings.plan]
    exact = shallow.search(replace(fast, exact=True))
    assert exact.plan["semantic"] == "exact_scan"
    among = {hit.id: (hit.relevance, hit.tier) for hit in exact.hits}
    found = [(hit.id, hit.relevance, hit.tier) for hit in shallow.search(fast).hits]
    assert all(among.get(name, tuple(pair)) == tuple(pair) for name, *pair in found)


@settings(max_examples=40, deadline=None)
@given(queries, st.booleans())
def test_hybrid_candidates_are_the_union_of_both_arms(shallow, query, exact):
    bundle, prepared = shallow.bundle, shallow.prepare(SearchRequest(query))
    vector, ranks = shallow.encode(prepared), bundle.store.ranks
    found = shallow.candidates(prepared.terms, vector, "hybrid", exact=exact)
    near, _ = bundle.dense.top(vector, 7, ranks, exact=exact)
    said = bundle.lexical.top(prepared.terms, 7, ranks)[0]
    assert sorted(found.rows.tolist()) == sorted({*near.tolist(), *said.tolist()})
    score = dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
    assert found.beyond == tuple(score[arm[-1]] for arm in (near, said) if len(arm) == 7)
    assert found.semantic.tolist() == bundle.dense.score(vector, found.rows).tolist()
    assert found.lexical.tolist() == bundle.lexical.score(prepared.terms, found.rows).tolist()


def test_total_is_open_ended_while_the_last_candidate_passes(engine, shallow):
    request = SearchRequest("red kettle", min_tier="irrelevant")
    assert shallow.search(request).total.relation == "gte"
    assert engine.search(request).total.relation == "eq", "the arms see the whole catalogue"
    strict = replace(request, min_relevance=1.0)
    assert shallow.search(strict).total == replace(shallow.search(strict).total, relation="eq")


def test_a_candidate_of_one_arm_gets_the_score_of_the_other(shallow):
    found = shallow.search(
        SearchRequest("red kettle", limit=100, min_tier="irrelevant", explain=True)
    )
    assert len(found.hits) > 7
    prepared = shallow.prepare(SearchRequest("red kettle"))
    for hit in found.hits:
        row = np.array([shallow.bundle.store.row(hit.id)])
        assert hit.explain.lexical == shallow.bundle.lexical.score(prepared.terms, row)[0]
        assert hit.explain.semantic == shallow.bundle.dense.score(shallow.encode(prepared), row)[0]


def test_a_query_with_an_unknown_word_has_cuts_of_its_own(engine):
    known, half = (engine.prepare(SearchRequest(text)) for text in ("red kettle", "zzz kettle"))
    assert (known.part("hybrid"), half.part("hybrid")) == ("hybrid", "half_known")
    assert half.part("lexical") == "lexical"
    modes = engine.calibration.modes
    cuts = replace(modes["hybrid"].thresholds, exact=1.0, substitute=0.999)
    strict = replace(
        engine.bundle,
        calibration=replace(
            engine.calibration,
            modes={**modes, "half_known": replace(modes["hybrid"], thresholds=cuts)},
        ),
    )
    served = Engine(strict, engine.encoder)
    assert served.search(SearchRequest("red kettle")).hits
    assert served.search(SearchRequest("zzz kettle")).no_confident_match
    shown = served.search(SearchRequest("zzz kettle", min_tier="irrelevant", explain=True)).hits
    assert shown[0].explain.thresholds == {"exact": 1.0, "substitute": 0.999}


def test_unknown_words_take_the_semantic_calibration(engine):
    hybrid = engine.search(SearchRequest("zzz", limit=100, min_tier="irrelevant"))
    semantic = engine.search(
        SearchRequest("zzz", limit=100, min_tier="irrelevant", mode="semantic")
    )
    assert [(hit.id, hit.relevance) for hit in hybrid.hits] == [
        (hit.id, hit.relevance) for hit in semantic.hits
    ]
    assert "no word" in hybrid.plan["lexical"]
    lexical = engine.search(SearchRequest("zzz", mode="lexical"))
    assert lexical.no_confident_match
    assert lexical.hits == ()


@pytest.mark.parametrize("query", ["🙂", "--", "!?"])
def test_a_query_without_words_gets_an_empty_answer(engine, query):
    encoded = engine.encoder.encoded
    result = engine.search(SearchRequest(query))
    assert result.no_confident_match
    assert (result.hits, result.total.value) == ((), 0)
    assert "no letters" in result.plan["query"]
    assert engine.encoder.encoded == encoded


def test_without_a_vector_the_lexical_arm_answers_alone(engine):
    prepared = engine.prepare(SearchRequest("red kettle"))
    result = engine.answer(prepared, None)
    alone = engine.search(SearchRequest("red kettle", mode="lexical"))
    assert result.degraded == ("encoder",)
    assert alone.degraded == ()
    assert [(hit.id, hit.relevance) for hit in result.hits] == [
        (hit.id, hit.relevance) for hit in alone.hits
    ]


def test_what_is_over_its_budget_is_left_out(engine):
    asked = SearchRequest("red ketle", facets=("brand",))
    whole = engine.search(asked)
    assert (whole.query.normalized, whole.degraded) == ("red kettle", ())
    assert whole.facets["brand"]
    for budgets, said in (
        (Budgets(spelling=0.0), ("spelling:slow",)),
        (Budgets(facets=0.0), ("facets:slow",)),
        (Budgets(spelling=0.0, facets=0.0), ("spelling:slow", "facets:slow")),
    ):
        engine.speller._kept.clear()
        prepared = engine.prepare(asked, budgets)
        result = engine.answer(prepared, engine.encode(prepared))
        assert result.degraded == said
        spelt = budgets.spelling > 0.0
        assert result.query.normalized == ("red kettle" if spelt else "red ketle")
        assert bool(result.query.corrections) == spelt
        assert bool(result.facets) == (budgets.facets > 0.0)
    plain = engine.prepare(SearchRequest("red kettle"), Budgets(spelling=0.0, facets=0.0))
    assert engine.answer(plain, engine.encode(plain)).degraded == ()  # nothing to do


def test_a_custom_alpha_is_not_covered(engine):
    shipped = engine.search(SearchRequest("red kettle"))
    custom = engine.search(SearchRequest("red kettle", alpha=0.9, explain=True))
    assert shipped.index.calibration.startswith("default-")
    assert custom.index.calibration == "not_covered"
    assert custom.hits[0].explain.alpha == 0.9


def test_an_answer_that_its_bounds_leave_empty_says_why(engine):
    whole = engine.search(SearchRequest("red kettle"))
    assert "cut" not in whole.plan
    best = whole.hits[0].relevance
    assert best < 1.0
    for bounds, named in (
        ({"min_relevance": 1.0}, "min_relevance=1"),
        ({"min_relevance": 1.0, "min_tier": "irrelevant"}, "min_relevance=1"),
    ):
        empty = engine.search(SearchRequest("red kettle", **bounds))
        assert (empty.hits, empty.total.value) == ((), 0)
        assert not empty.no_confident_match, "there is something worth showing, and it was cut"
        assert empty.plan["cut"] == (
            f"nothing passes {named}: the best candidate has relevance {best:g}"
        )
    nothing = engine.search(SearchRequest("zqxv wkjh"))
    assert nothing.no_confident_match
    assert "cut" not in nothing.plan
    asked = engine.search(SearchRequest("zqxv wkjh", min_relevance=0.99, min_tier="irrelevant"))
    assert asked.no_confident_match
    assert "nothing passes min_relevance=0.99" in asked.plan["cut"]


def test_a_tier_that_nothing_reaches_is_named(engine):
    substitutes = next(
        request
        for query in ("kettle lid", "shoe", "big red", "lamp bed", "red", "cotton")
        for request in (SearchRequest(query),)
        if (found := engine.search(request)).hits and found.hits[0].tier == "substitute"
    )
    empty = engine.search(replace(substitutes, min_tier="exact"))
    assert (empty.hits, empty.no_confident_match) == ((), False)
    assert "nothing passes min_tier=exact" in empty.plan["cut"]


def test_a_page_past_the_end_says_why(engine):
    result = engine.search(SearchRequest("red kettle", offset=900))
    assert result.hits == ()
    assert f"holds {result.total.value} products" in result.plan["page"]


def test_dropped_words_are_reported(engine):
    result = engine.search(SearchRequest("kettle " * 100))
    assert result.query.dropped_terms == 36


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"q": ""}, "q"),
        ({"q": " \u200b\x00 "}, "q"),
        ({"q": "x" * 100_000}, "q"),
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": 101}, "limit"),
        ({"offset": -1}, "offset"),
        ({"offset": 981}, "offset"),
        ({"mode": "magic"}, "mode"),
        ({"min_tier": "best"}, "min_tier"),
        ({"min_relevance": 1.5}, "min_relevance"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": 0.5, "mode": "lexical"}, "alpha"),
    ],
)
def test_bad_requests_name_the_parameter(engine, change, name):
    with pytest.raises(QueryError) as caught:
        engine.search(replace(SearchRequest("kettle"), **change))
    assert str(caught.value).startswith(name)
    assert caught.value.expected

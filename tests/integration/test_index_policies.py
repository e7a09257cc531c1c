"""Tier cuts by policy, and nonsense, in indexes that are built and asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from catalog.errors import JudgmentError
from index.build import build_index
from index.calibrate import FitOnJudgments, keep_company
from index.calibrating.found import Tops, first_pages
from index.calibrating.modes import fit_modes, shown_by
from index.calibrating.policies import CLOSED, Policy
from index.engine import Engine
from index.nonsense import (
    half_known_queries,
    nonsense_queries,
    title_words,
    unrelated_queries,
)
from index.pairs import collect_pairs
from index.request import SearchRequest


@pytest.fixture(scope="module")
def qrels(demo_products):
    """For each colour and each of thirty words of titles: both said 2, one said 1, in full."""
    colours = ("red", "blue", "green", "black", "white", "silver")
    kinds = ("kettle", "toaster", "pan", "bowl", "knife", "hose", "spade", "rake", "socks", "tea")
    return {
        f"{colour} {kind}": {
            product.id: 2 if colour in product.title else 1
            for product in demo_products
            if kind in product.title.lower()
        }
        for colour in colours
        for kind in kinds
    }


def test_an_index_records_its_policy_and_keeps_to_it(tmp_path, demo_products, make_encoder, qrels):
    policy = Policy(precision=0.3, confidence=0.9)
    plan = FitOnJudgments(qrels, policy=policy)
    built = build_index(demo_products, make_encoder(), tmp_path, calibrate=plan)
    engine = Engine.open(tmp_path, encoder=make_encoder())
    assert engine.calibration.policy == policy.name == "precision(exact)>=0.3@0.9"
    promise = built.quality["calibration"]["promises"]["hybrid"]
    assert promise["measured"] >= 0.3
    assert engine.calibration.modes["hybrid"].thresholds.exact == promise["cut"]
    assert engine.calibration.modes["unknown_words"].thresholds.exact == CLOSED
    right = total = 0
    for query, grades in qrels.items():
        for hit in engine.search(SearchRequest(query)).hits:
            if hit.tier == "exact":
                total += 1
                right += grades.get(hit.id) == 2
    assert total > 0
    assert right / total == pytest.approx(promise["measured"])


def test_an_infeasible_policy_is_refused_and_nothing_is_published(
    tmp_path, demo_products, make_encoder, qrels
):
    few = dict(list(qrels.items())[:5])
    plan = FitOnJudgments(few, policy=Policy(precision=0.99, confidence=0.99))
    with pytest.raises(JudgmentError, match=r"precision\(exact\)>=0\.99@0\.99.*5 queries"):
        build_index(demo_products, make_encoder(), tmp_path, calibrate=plan)
    assert not (tmp_path / "current").exists()


def tops(scores: np.ndarray, half_known: np.ndarray | None = None) -> Tops:
    half = np.zeros(len(scores), bool) if half_known is None else half_known
    return Tops(scores, half, np.zeros(len(scores), np.int64))


def test_cuts_give_way_to_real_queries_and_not_to_nonsense(engine, qrels):
    pairs, pages = collect_pairs(engine, qrels), first_pages(engine, qrels, 0.5)
    company = keep_company(engine, pages, 0.5)
    modes = fit_modes(pairs, 0.5, company, pages).modes
    part, half_known = modes["hybrid"], modes["half_known"]
    assert part.thresholds.substitute <= part.link.relevance(pages["hybrid"].top.scores).min()
    assert part.thresholds.substitute <= part.thresholds.exact
    # Were the real queries far better, nonsense alone would set the floor.
    better = {mode: tops(np.ones(50), np.arange(50) < 10) for mode in company.real}
    strict = fit_modes(pairs, 0.5, replace(company, real=better), pages).modes
    for name, nonsense, most in (
        ("half_known", company.half_known["hybrid"], 0.05),
        ("hybrid", company.unrelated["hybrid"], 0.3),
    ):
        heard = strict[name].link.relevance(nonsense.scores) >= strict[name].thresholds.substitute
        assert heard.mean() <= most
    for cuts, of_known in (
        (half_known.thresholds, part.thresholds),
        (strict["half_known"].thresholds, strict["hybrid"].thresholds),
    ):
        assert cuts.substitute >= of_known.substitute
        assert cuts.exact >= of_known.exact
    # A few real queries with an unknown word hold those cuts down, and only those.
    loud = replace(
        company, half_known={mode: tops(np.full(50, 0.9)) for mode in company.half_known}
    )
    few = np.arange(200) < 20
    free, held = (
        fit_modes(pairs, 0.5, replace(loud, real={mode: real for mode in loud.real}), pages).modes
        for real in (tops(np.ones(200), few), tops(np.where(few, 0.3, 1.0), few))
    )
    assert held["hybrid"].thresholds == free["hybrid"].thresholds
    assert held["half_known"].thresholds.substitute < free["half_known"].thresholds.substitute
    near = {mode: tops(np.full(50, 0.8)) for mode in company.unrelated}
    above = fit_modes(pairs, 0.5, replace(company, real=better, unrelated=near), pages).modes
    raised = above["hybrid"]
    assert raised.thresholds.substitute == raised.link.relevance(np.array([0.8]))[0]
    assert raised.thresholds.substitute > part.thresholds.substitute


def test_a_promise_counts_what_a_query_with_an_unknown_word_is_not_shown(engine, qrels):
    page = first_pages(engine, {"red kettle": {}, "qqxx kettle": {}}, 0.5)["hybrid"]
    assert page.half_known.tolist() == [False, True]
    link = engine.calibration.modes["hybrid"].link
    free, held = shown_by(link, page).relevance, shown_by(link, page, 1.0).relevance
    assert (held[0] == free[0]).all()
    assert (free[1] >= 0).any()
    assert (held[1] == -1).all()


def test_where_nonsense_gets_as_far_as_exact_nothing_unknown_is_called_exact(engine, qrels):
    pairs, pages = collect_pairs(engine, qrels), first_pages(engine, qrels, 0.5)
    company = keep_company(engine, pages, 0.5)
    near = replace(company, unknown=np.ones_like(company.unknown))
    cuts = fit_modes(pairs, 0.5, near, pages).modes["unknown_words"].thresholds
    assert cuts.exact == CLOSED


def test_nonsense_of_every_kind_is_unknown_and_the_same_again(engine):
    lexical, lent = engine.bundle.lexical, title_words(engine.bundle.store, 0)
    assert "kettle" in lent
    found = nonsense_queries(lexical, 60, 5, lent)
    assert found == nonsense_queries(lexical, 60, 5, lent)
    assert len(set(found)) > 55
    assert not any(engine.prepare(SearchRequest(query)).known_words for query in found)
    assert any(character.isdigit() for character in "".join(found))
    around = half_known_queries(lexical, 30, 5, lent)
    assert all(engine.prepare(SearchRequest(query)).known_words for query in around)
    assert all(engine.prepare(SearchRequest(query)).unknown_words for query in around)
    assert half_known_queries(lexical, 30, 5, ["qqqqxx"]) == []
    unrelated = unrelated_queries(lexical, 30, 5, lent)
    assert len(set(unrelated)) > 25
    assert not any(engine.prepare(SearchRequest(query)).unknown_words for query in unrelated)
    assert unrelated_queries(lexical, 30, 5, ["kettle", "qqqqxx"]) == []

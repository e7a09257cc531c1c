"""Figures, slices and comparisons on a handful of pairs that can be counted by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from catalog.errors import CatalogError, GradusError
from index.evaluating.asking import Answers
from index.evaluating.compare import compare
from index.evaluating.demand import Demand, read_demand
from index.evaluating.figures import FIGURES, Figures, figures_of
from index.evaluating.forecasts import Forecasts, together
from index.evaluating.overlap import Overlap
from index.evaluating.populations import charts, population_report
from index.evaluating.returned import returned_report
from index.evaluating.slice_report import below_lexical, product_slice_report, slice_report
from index.evaluating.slices import PRODUCT_SLICES, Slice, memberships, on_products, query_slices
from index.evaluating.summary import difference, differences
from index.evaluating.table_file import read_figures, write_figures

MODES = ("lexical", "semantic", "hybrid")


def said(grade, tier, at_least_1, exactly_2, query=None, judged=True) -> Forecasts:
    first, second = np.array(at_least_1, float), np.array(exactly_2, float)
    return Forecasts(
        score=(first + second) / 2,
        at_least_1=first,
        exactly_2=second,
        relevance=(first + second) / 2,
        tier=np.array(tier, np.int64),
        grade=np.array(grade, np.int64),
        judged=np.full(len(grade), judged),
        query=np.array([0] * len(grade) if query is None else query, np.int64),
    )


NOBODY = said([], [], [], [])


def answers(rankings, judged=NOBODY, silent=None, shown=NOBODY, drawn=NOBODY) -> Answers:
    silent = [False] * len(rankings) if silent is None else silent
    return Answers(rankings, np.array(silent, bool), judged, shown, drawn)


def figures(**of_mode) -> Figures:
    """`figures(lexical=[…], hybrid=[…])`: nDCG@10 of each query; all else undefined."""
    count = len(next(iter(of_mode.values())))
    nothing = np.full(count, np.nan)
    values = {
        mode: {
            name: np.array(of_mode.get(mode, nothing), float) if name == "ndcg@10" else nothing
            for name in FIGURES
        }
        for mode in MODES
    }
    queries = tuple(f"q{n}" for n in range(count))
    return Figures(queries, (2,) * count, values, ((),) * count)


# --- a query's figures -----------------------------------------------------------------------


def test_the_figures_of_two_queries_by_hand():
    qrels = {"tea": {"a": 2, "b": 0}, "mug": {"c": 1}}
    judged = said([2, 0, 1], [2, 1, 0], [1, 0.5, 0], [0.5, 0, 0], query=[0, 0, 1])
    one = answers([["b", "a", "x", "y"], []], judged, silent=[False, True])
    found = figures_of(qrels, dict.fromkeys(MODES, one)).values["hybrid"]
    # The exact product stands second: 1 / log2(3), and the best is 1 / log2(2).
    assert found["ndcg@10"] == pytest.approx([1 / math.log2(3), 0])
    assert found["precision@10"] == pytest.approx([0.1, 0])
    assert found["judged@10"][0] == 0.5
    assert math.isnan(found["judged@10"][1])
    assert found["no_confident_match"].tolist() == [0, 1]
    assert found["tier_accuracy"].tolist() == [0.5, 0]
    # Pair a: (0 + .25)/2, pair b: (.25 + 0)/2; the third is sure and wrong at one cut of two.
    assert found["squared_error"].tolist() == [0.125, 0.5]
    assert math.isnan(found["recall@10"][1])
    assert set(found) == set(FIGURES)


def test_forecasts_join_in_order():
    both = together([said([2], [1], [0.9], [0.8]), said([0], [0], [0.1], [0], query=[1])])
    assert both.grade.tolist() == [2, 0]
    assert both.query.tolist() == [0, 1]
    means = both.mean_by_query(np.array([0.25, 0.75]), 3)
    assert means[:2].tolist() == [0.25, 0.75]
    assert math.isnan(means[2])


def test_hybrid_is_held_against_each_arm_query_by_query():
    found = figures(lexical=[0.1, 0.5, 0.3], semantic=[0.5, 0.9, 0.7], hybrid=[0.6, 1.0, 0.8])
    (to_semantic,) = differences(found, ("ndcg@10",), behind="semantic").items()
    assert to_semantic[0] == "hybrid"
    one = to_semantic[1]["ndcg@10"]
    assert one["mean"] == pytest.approx(0.1)
    assert one["low"] == pytest.approx(0.1)  # the same in every query: no spread
    assert one["verdict"] == "better"
    assert set(differences(found, ("ndcg@10",))) == {"semantic", "hybrid"}


# --- what a shopper sees ---------------------------------------------------------------------


def test_returned_hits_by_hand():
    # Query 0: two called exact, one is; a substitute that is one; an irrelevant hit is not shown.
    # Query 1: one called exact that nobody judged. Query 2: nothing shown.
    shown = said(
        grade=[2, 1, 1, 0, 0, 0],
        tier=[2, 2, 1, 0, 2, 0],
        at_least_1=[1] * 6,
        exactly_2=[1] * 6,
        query=[0, 0, 0, 0, 1, 2],
    )
    shown = replace(shown, judged=np.array([True, True, True, True, False, True]))
    found = returned_report(shown, 3)
    assert (found["hits"], found["judged"]) == (4, 0.75)
    assert found["accuracy"]["mean"] == 0.5
    assert found["accuracy"]["count"] == 2
    assert found["accuracy_by_query"]["mean"] == pytest.approx((2 / 3 + 0) / 2)
    assert (found["exact"]["hits"], found["exact"]["queries"]) == (3, 2)
    assert found["exact"]["precision"]["mean"] == pytest.approx(1 / 3)
    assert found["exact"]["precision"]["low"] == 0.0  # query 1 alone
    assert found["exact"]["precision"]["high"] == 0.5  # query 0 alone


def test_nothing_returned_is_not_a_number():
    found = returned_report(NOBODY, 2)
    assert (found["hits"], found["judged"]) == (0, None)
    assert found["accuracy"]["mean"] is None
    assert found["exact"]["precision"]["mean"] is None


# --- populations -----------------------------------------------------------------------------


def test_a_population_by_hand():
    pairs = said([2, 2, 1, 0], [2, 1, 1, 1], [1, 1, 1, 0.5], [1, 0.5, 0, 0])
    found = population_report(pairs)
    assert found["grades"] == [1, 1, 2]
    assert found["tier_accuracy"] == 0.5
    assert found["majority"] == 0.5
    assert found["substitute"] == {"said": 0.875, "so": 0.75}
    assert found["exact"] == {"said": 0.375, "so": 0.5}
    assert found["passed"] == 1.0
    # Relevances 1, .75, .5, .25 against gains 1, 1, .5, 0, each its own bin.
    assert found["ece"]["ece"] == pytest.approx((0 + 0.25 + 0 + 0.25) / 4)
    # Squared errors .25 + .25 at the two cuts, against the shares' 4 · (.1875 + .25).
    assert found["skill"]["mean"] == pytest.approx(1 - 0.5 / 1.75)
    # Always saying .5 and .25: errors 4 · .25 and 2 · .5625 + 2 · .0625; mean gain .625 for .375.
    against = population_report(pairs, (0.5, 0.25))
    assert against["skill"]["mean"] == pytest.approx(1 - 0.5 / (1.0 + 1.25))
    assert against["ece"]["constant"] == pytest.approx(0.25)
    assert population_report(NOBODY) == {"pairs": 0}


def test_what_is_drawn_adds_up():
    judged = said([2, 1, 0], [2, 1, 0], [1, 0.5, 0], [1, 0.5, 0])
    drawn = said([0, 0], [0, 0], [0, 0.25], [0, 0.25], judged=False)
    found = charts(answers([["a"]], judged, shown=judged, drawn=drawn), low=0.0)
    counts = found["scores"]["counts"]
    assert {name: sum(row) for name, row in counts.items()} == {
        **{"0": 1, "1": 1, "2": 1},
        "random": 2,
    }
    assert counts["2"][-1] == 1  # a score of 1 is in the last bin
    assert counts["random"][5] == 1  # .25 of 20 bins
    assert found["reliability"]["judged"]["substitute"] == [
        {"said": 0.0, "so": 0.0, "pairs": 1},
        {"said": 0.5, "so": 1.0, "pairs": 1},
        {"said": 1.0, "so": 1.0, "pairs": 1},
    ]


# --- verdicts --------------------------------------------------------------------------------


def test_a_verdict_needs_the_whole_interval_on_one_side():
    more, less = np.array([0.5, 0.6, 0.7]), np.array([0.4, 0.5, 0.6])
    assert difference("ndcg@10", more, less)["verdict"] == "better"
    assert difference("ndcg@10", less, more)["verdict"] == "worse"
    assert difference("squared_error", less, more)["verdict"] == "better"
    assert difference("no_confident_match", more, less)["verdict"] == "worse"
    assert difference("ndcg@10", np.array([0.0, 1.0]), np.array([1.0, 0.0]))["verdict"] == "level"
    assert difference("ndcg@10", np.array([np.nan]), np.array([1.0]))["verdict"] is None


# --- slices ----------------------------------------------------------------------------------


def test_queries_fall_into_their_slices(engine):
    qrels = {
        "red kettle": {"p000": 2},
        "red kettle qzzk": {"p000": 2},
        "a hose for the garden": {"p005": 2, "p006": 2, "p000": 0},
        "belt": {"p014": 1},
    }
    overlaps = {
        "red kettle": Overlap(np.array([1.0]), np.array([0.9])),
        "red kettle qzzk": Overlap(np.array([0.5]), np.array([0.5])),
        "a hose for the garden": Overlap(np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.8, 0.0])),
        "belt": Overlap(np.array([0.0]), np.array([0.0])),
    }
    demand = Demand({"red kettle": 90, "belt": 50}, {"belt": "type", "red kettle": "colour"})
    found = {
        f"{one.group}: {one.name}": one.rows.tolist()
        for one in query_slices(engine, qrels, overlaps, demand)
    }
    assert found == {
        "length: 1-2 words": [True, False, False, True],
        "length: 3-4 words": [False, True, False, False],
        "length: 5+ words": [False, False, True, False],
        # Exact products alone, half of them is not most; the belt has none and is in neither.
        "titles: mostly lack the words": [False, True, False, False],
        "titles: mostly hold the words": [True, False, True, False],
        "demand: head": [True, False, False, True],
        "demand: tail": [False, True, True, False],
        "vocabulary: a word unknown": [False, True, False, False],
        "vocabulary: every word known": [True, False, True, True],
        "kind: colour": [True, False, False, False],
        "kind: type": [False, False, False, True],
    }
    slices = query_slices(engine, qrels, overlaps, demand)
    assert "kind: type" in memberships(slices, 4)[3]
    assert len(memberships(slices, 4)[3]) == 4


def test_without_frequencies_the_rarest_word_decides(engine):
    # `belt` is in 6 titles, `red` in 20 of them.
    queries = ["red belt", "red"]
    qrels = {query: {"p000": 2} for query in queries}
    overlaps = {query: Overlap(np.ones(1), np.ones(1)) for query in queries}
    slices = query_slices(engine, qrels, overlaps, Demand())
    head = next(one for one in slices if one.name == "head")
    assert head.rows.tolist() == [False, True]
    assert "rarest word" in head.how


def test_a_small_slice_is_shown_and_not_judged():
    worse = figures(lexical=[0.9] * 20, semantic=[0.5] * 20, hybrid=[0.95] * 20)
    fourteen, fifteen = (np.arange(20) < n for n in (14, 15))
    parts = [Slice("g", "few", "", fourteen), Slice("g", "enough", "", fifteen)]
    few, enough = slice_report(worse, parts)
    assert (few["queries"], few["enough"]) == (14, False)
    assert (enough["queries"], enough["enough"]) == (15, True)
    assert below_lexical(few, "semantic") == below_lexical(enough, "hybrid") == []
    assert below_lexical(enough, "semantic") == ["ndcg@10"]
    gain = enough["difference_to_lexical"]["hybrid"]["ndcg@10"]
    assert gain["mean"] == pytest.approx(0.05)
    assert gain["verdict"] == "better"


def test_an_empty_slice_has_no_figures():
    (empty,) = slice_report(figures(lexical=[0.9]), [Slice("g", "none", "", np.zeros(1, bool))])
    assert empty["queries"] == 0
    assert empty["modes"]["hybrid"]["ndcg@10"]["mean"] is None
    assert empty["difference_to_lexical"]["hybrid"]["ndcg@10"]["verdict"] is None
    assert below_lexical(empty, "hybrid") == []


def test_products_without_the_words_are_measured_apart():
    qrels = {"q": {"said": 2, "unsaid": 2, "wrong": 0}, "r": {"said": 2}}
    overlaps = {
        "q": Overlap(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.0, 0.4])),
        "r": Overlap(np.array([1.0]), np.array([0.9])),
    }
    strict, _ = PRODUCT_SLICES
    kept, run = on_products(qrels, [["said", "wrong", "x", "unsaid"], ["said"]], overlaps, strict)
    # The exact product with the words makes way, the irrelevant and the unjudged do not.
    assert kept == {"q": {"unsaid": 2}}
    assert run == {"q": ["wrong", "x", "unsaid"]}
    of_mode = {
        "lexical": answers([["said", "wrong"], ["said"]]),
        "semantic": answers([["unsaid", "said"], ["said"]]),
        "hybrid": answers([["said", "wrong", "x", "unsaid"], ["said"]]),
    }
    found, loose = product_slice_report(qrels, of_mode, overlaps)
    assert (found["queries"], found["products"], loose["queries"]) == (1, 1, 1)
    assert found["modes"]["lexical"]["recall@100"]["mean"] == 0.0
    assert found["modes"]["semantic"]["ndcg@10"]["mean"] == 1.0
    assert found["modes"]["hybrid"]["ndcg@10"]["mean"] == pytest.approx(1 / math.log2(4))
    assert found["difference_to_lexical"]["semantic"]["recall@100"]["mean"] == 1.0


# --- files and comparisons -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["figures.tsv", "figures.json"])
def test_figures_survive_their_file(tmp_path, name):
    ours = replace(
        figures(lexical=[0.1, 0.25], hybrid=[1 / 3, 0.5]),
        queries=('a "tab"\there', "zwei\nzeilen"),
        slices=(("length: 1-2 words", "demand: head"), ()),
    )
    write_figures(tmp_path / name, ours)
    read = read_figures(tmp_path / name)
    assert (read.queries, read.judged, read.slices) == (ours.queries, ours.judged, ours.slices)
    for mode in MODES:
        for figure in FIGURES:
            np.testing.assert_array_equal(read.values[mode][figure], ours.values[mode][figure])


def test_a_file_that_is_no_such_table_is_refused(tmp_path):
    path = tmp_path / "x.tsv"
    with pytest.raises(GradusError, match="no such file of per-query"):
        read_figures(path)
    path.write_text("query\tmode\nred\thybrid\n")
    with pytest.raises(GradusError, match="column 'slices' is missing"):
        read_figures(path)
    write_figures(path, figures(lexical=[0.1]))
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(GradusError, match="one row for each query"):
        read_figures(path)
    (tmp_path / "x.json").write_text('{"query": 1}')
    with pytest.raises(GradusError, match="not an array"):
        read_figures(tmp_path / "x.json")


def test_two_sides_are_compared_query_by_query():
    ours = figures(lexical=[0.5, 0.1, 0.3], hybrid=[0.6, 0.2, 0.4])
    theirs = figures(lexical=[0.5, 0.1, 0.3], hybrid=[0.3, 0.5, 0.1])
    shuffled = replace(theirs, queries=("q2", "q0", "q1"))  # hybrid of q0 is .5, of q1 .1, of q2 .3
    found = compare(ours, shuffled, "new", "old")
    assert (found["first"], found["second"], found["queries"]) == ("new", "old", 3)
    part = found["modes"]["hybrid"]["ndcg@10"]
    assert part["first"]["mean"] == pytest.approx(0.4)
    assert part["second"]["mean"] == pytest.approx(0.3)
    assert part["difference"]["mean"] == pytest.approx(0.1)
    assert part["difference"]["low"] == pytest.approx(0.1)  # the same gain on every query
    assert part["difference"]["verdict"] == "better"
    assert found["modes"]["hybrid"]["recall@10"]["difference"]["verdict"] is None


def test_sides_that_do_not_match_are_refused():
    ours = figures(lexical=[0.5, 0.1])
    with pytest.raises(GradusError, match=r"1 \('q1'\) only in new, 1 \('z'\) only in old"):
        compare(ours, replace(ours, queries=("q0", "z")), "new", "old")
    with pytest.raises(GradusError, match="different judgments of 'q1'"):
        compare(ours, replace(ours, judged=(2, 5)), "new", "old")


def test_demand_is_read_by_normalised_query(tmp_path):
    path = tmp_path / "queries.tsv"
    path.write_text("query\tfrequency\tkind\nRed  Kettle\t90\tcolour\nred kettle\t1\tx\n \t2\ty\n")
    found = read_demand(path)
    assert found.frequency == {"red kettle": 90}
    assert found.kind == {"red kettle": "colour"}
    path.write_text("query\nred kettle\n")
    with pytest.raises(CatalogError, match="frequency or kind"):
        read_demand(path)


def test_a_table_is_plain_json(tmp_path):
    write_figures(tmp_path / "x.json", figures(lexical=[0.5]))
    row = json.loads((tmp_path / "x.json").read_text())[0]
    assert (row["query"], row["mode"], row["ndcg@10"], row["recall@10"]) == (
        "q0",
        "lexical",
        0.5,
        None,
    )

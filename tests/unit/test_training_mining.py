"""Mining by the rule of arXiv:2602.17654: a hand-written example, and plain loops beside it."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from training.instances import GradedList, draw_items, graded_lists
from training.judge import HumanJudge
from training.mining import mine
from training.progress import Progress
from training.settings import InstanceSettings

PLAIN = InstanceSettings(assumed=0)


def ranking(*orders):
    """Unit queries and items such that query n ranks the items as `orders[n]` says."""
    count = len(orders[0])
    queries = np.eye(len(orders), dtype=np.float32)
    items = np.zeros((count, len(orders)), dtype=np.float32)
    for query, order in enumerate(orders):
        for rank, row in enumerate(order):
            items[row, query] = (count - rank) / (10 * count)
    return queries, items


def mine_by_loops(queries, items, graded, judge, depth, settings):
    """The rule, written a second time: (hard samples of each query, pairs judged)."""
    depth = min(depth, len(items))
    hard, judged = {}, 0
    for query, vector in zip(graded, queries, strict=True):
        scored = [(-float(np.float32(vector @ item)), row) for row, item in enumerate(items)]
        hard[query] = {}
        for rank, (_, row) in enumerate(sorted(scored)[:depth], start=1):
            grade = judge.grade([(query, row)])[0]
            if grade is None:
                continue
            judged += 1
            upper = 2 * rank <= depth + 1  # the middle of an odd depth counts as above
            if (grade == 0 and upper) or (grade > 0 and not upper):
                hard[query][row] = grade
    return hard, judged


def test_the_rule_on_ten_products():
    """Top 8, so ranks 1-4 are above the middle: a zero there is hard, a two or one below it is."""
    queries, items = ranking([4, 1, 7, 0, 2, 9, 3, 5, 6, 8])
    #   rank:                 1  2  3  4  5  6  7  8
    graded = {"kettle": {4: 2, 1: 0, 0: 1, 2: 0, 9: 2, 3: 1, 6: 0, 8: 2}}
    mined = mine(queries, items, graded, HumanJudge(graded), 8, PLAIN)
    assert (mined.retrieved, mined.judged) == (8, 6), "7 and 5 have no grade; 6 and 8 rank lower"
    assert (mined.hard_negatives, mined.hard_positives) == (1, 2)
    assert mined.lists == (
        GradedList("kettle", graded["kettle"]),
        GradedList("kettle", {1: 0, 9: 2, 3: 1}),
    )


def test_hard_samples_of_one_grade_are_completed_by_the_querys_own_items():
    queries, items = ranking([0, 1, 2, 3])
    graded = {"kettle": {0: 0, 1: 0, 2: 0, 3: 0, 9: 2, 8: 1}}
    items = np.vstack([items, np.zeros((6, 1), np.float32)])
    mined = mine(queries, items, graded, HumanJudge(graded), 4, PLAIN)
    assert mined.hard_negatives == 2
    assert mined.lists[1:] == (GradedList("kettle", {9: 2, 8: 1, 0: 0, 1: 0}),)


def test_hard_samples_without_another_grade_teach_no_order():
    queries, items = ranking([0, 1, 2, 3])
    graded = {"kettle": {0: 0, 1: 0}}
    assert mine(queries, items, graded, HumanJudge(graded), 4, PLAIN).lists == ()
    graded = {"kettle": {3: 2}}
    assert mine(queries, items, graded, HumanJudge(graded), 4, PLAIN).lists == ()
    with_assumed = mine(queries, items, graded, HumanJudge(graded), 4, InstanceSettings(assumed=2))
    assert with_assumed.lists == (GradedList("kettle", {3: 2}),) * 2


@pytest.mark.parametrize("depth", [1, 2, 5, 8, 11, 24, 25, 100])
def test_mining_equals_plain_loops(depth):
    rng = np.random.default_rng(depth)
    queries, items = (rng.standard_normal((n, 8)).astype(np.float32) for n in (300, 25))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    graded = {
        f"q{n}": {int(row): int(rng.integers(3)) for row in rng.permutation(25)[:12]}
        for n in range(300)
    }
    judge = HumanJudge(graded)
    mined = mine(queries, items, graded, judge, depth, PLAIN)
    hard, judged = mine_by_loops(queries, items, graded, judge, depth, PLAIN)
    assert mined.retrieved == 300 * min(depth, 25)
    assert mined.judged == judged
    found = [grade for grades in hard.values() for grade in grades.values()]
    assert mined.hard_negatives == found.count(0)
    assert mined.hard_positives == len(found) - found.count(0)

    originals = graded_lists(graded, PLAIN)
    assert list(mined.lists[: len(originals)]) == originals, "the originals all stay"
    for one in mined.lists[len(originals) :]:
        samples = hard.pop(one.query)
        assert samples.items() <= one.grades.items()
        added = one.grades.items() - samples.items()
        assert added <= graded[one.query].items()
        assert not {grade for _, grade in added} & set(samples.values())
        assert set(one.grades.values()) == set(graded[one.query].values())
    assert not any(samples and len(set(graded[q].values())) > 1 for q, samples in hard.items())


def test_the_middle_of_an_odd_depth_counts_as_above():
    queries, items = ranking([0, 1, 2, 3, 4])
    graded = {"kettle": dict.fromkeys(range(5), 0)}
    assert mine(queries, items, graded, HumanJudge(graded), 5, PLAIN).hard_negatives == 3
    graded = {"kettle": dict.fromkeys(range(5), 2)}
    assert mine(queries, items, graded, HumanJudge(graded), 5, PLAIN).hard_positives == 2


def test_a_depth_beyond_the_catalogue_is_cut_to_it():
    queries, items = ranking([2, 1, 0])
    graded = {"kettle": {2: 0, 1: 1, 0: 2}}
    mined = mine(queries, items, graded, HumanJudge(graded), 100, PLAIN)
    assert mined == mine(queries, items, graded, HumanJudge(graded), 3, PLAIN)
    assert (mined.retrieved, mined.hard_negatives, mined.hard_positives) == (3, 1, 1)


def test_unjudged_pairs_are_left_out_even_when_they_rank_first():
    class Silent:
        def grade(self, pairs):
            return [None for _ in pairs]

    queries, items = ranking([0, 1, 2, 3])
    graded = {"kettle": {0: 0, 3: 2}}
    mined = mine(queries, items, graded, Silent(), 4, PLAIN)
    assert (mined.retrieved, mined.judged) == (4, 0)
    assert mined.lists == (GradedList("kettle", graded["kettle"]),)


def test_a_judge_may_grade_pairs_that_nobody_judged_before():
    class Generous:
        def grade(self, pairs):
            return [0 if row in (0, 3) else 2 for _, row in pairs]

    queries, items = ranking([0, 1, 2, 3])
    graded = {"kettle": {1: 2, 5: 0}}
    mined = mine(queries, items, graded, Generous(), 4, PLAIN)
    assert mined.lists[1:] == (GradedList("kettle", {0: 0, 2: 2}),)


def test_equal_scores_rank_by_position():
    queries = np.ones((1, 1), np.float32)
    items = np.ones((6, 1), np.float32)
    graded = {"kettle": {0: 2, 1: 0, 2: 0, 3: 1, 4: 0, 5: 2}}
    mined = mine(queries, items, graded, HumanJudge(graded), 4, PLAIN)
    assert mined.lists[1:] == (GradedList("kettle", {0: 2, 5: 2, 1: 0, 3: 1}),)


def test_human_judgments_know_nothing_else():
    judge = HumanJudge({"kettle": {3: 2, 4: 0}})
    pairs = [("kettle", 4), ("kettle", 5), ("spade", 3), ("kettle", 3)]
    assert judge.grade(pairs) == [0, None, None, 2]


def test_a_mined_list_never_draws_a_judged_product_as_assumed_irrelevant():
    graded = GradedList("kettle", {0: 0, 1: 2}, known=frozenset(range(8)))
    settings = InstanceSettings(items=2, assumed=6)
    for seed in range(50):
        instance = draw_items(graded, 10, settings, Random(seed))
        assert set(instance.products) - {0, 1} <= {8, 9}


def test_rows_name_the_products_that_the_items_are_of():
    queries, items = np.eye(2, dtype=np.float32)[:1], np.eye(2, dtype=np.float32)
    graded = {"kettle": {70: 0, 90: 2}}
    rows = np.array([70, 90])
    mined = mine(queries, items, graded, HumanJudge(graded), 2, PLAIN, rows)
    assert (mined.judged, mined.hard_negatives, mined.hard_positives) == (2, 1, 1)


def rows_of(pairs):
    """Query, product, rank, grade, judge, round and kind of each pair."""
    columns = (pairs.query, pairs.product, pairs.rank, pairs.grade, pairs.judge, pairs.round)
    return list(zip(*(column.tolist() for column in (*columns, pairs.kind)), strict=True))


def test_every_retrieved_pair_is_kept_with_where_it_comes_from():
    queries, items = ranking([2, 0, 3, 1], [0, 1, 2, 3])
    graded = {"kettle": {2: 0, 3: 2, 1: 2}, "pot": {1: 1}}
    mined = mine(queries, items, graded, HumanJudge(graded), 3, PLAIN, np.array([5, 1, 2, 3]))
    assert rows_of(mined.pairs) == [
        ("kettle", 2, 1, 0, "HumanJudge", 1, "hard_negative"),
        ("kettle", 5, 2, -1, "", 1, "none"),
        ("kettle", 3, 3, 2, "HumanJudge", 1, "hard_positive"),
        ("pot", 5, 1, -1, "", 1, "none"),
        ("pot", 1, 2, 1, "HumanJudge", 1, "none"),
        ("pot", 2, 3, -1, "", 1, "none"),
    ]
    np.testing.assert_allclose(mined.pairs.cosine, [0.1, 0.075, 0.05] * 2, rtol=1e-6)


class Says:
    """Gives the grades of a table, None elsewhere, and notes what it was asked."""

    def __init__(self, grades):
        self.grades, self.asked = grades, []

    def grade(self, pairs):
        self.asked += [row for _, row in pairs]
        return [self.grades.get(row) for _, row in pairs]


def test_further_judges_are_asked_for_what_the_first_cannot_grade():
    queries, items = ranking([0, 1, 2, 3])
    graded = {"kettle": {0: 2, 3: 2}}
    model, last = Says({0: 0, 1: 0}), Says({1: 2, 2: 1})
    mined = mine(
        queries, items, graded, HumanJudge(graded), 4, PLAIN,
        further={"model": model, "last": last}, judge_name="human",
    )  # fmt: skip
    assert (model.asked, last.asked) == ([1, 2], [2])
    assert mined.pairs.judge.tolist() == ["human", "model", "last", "human"]
    assert mined.pairs.grade.tolist() == [2, 0, 1, 2]
    assert mined.judged == 4
    assert mined.lists == (GradedList("kettle", {1: 0, 2: 1, 3: 2}),)


def test_pairs_record_who_graded_and_not_who_looked_it_up():
    queries, items = ranking([0, 1, 2, 3])
    graded = {"kettle": {0: 2, 1: 0, 3: 2}}
    mined = mine(
        queries, items, graded, HumanJudge(graded), 4, PLAIN,
        further={"model": Says({2: 1})}, judge_name="human",
        sources={"kettle": {1: "llm:one", 2: "nobody"}, "pot": {0: "llm:two"}},
    )  # fmt: skip
    assert mined.pairs.judge.tolist() == ["human", "llm:one", "model", "human"]


def test_judges_are_asked_about_many_queries_at_once_and_the_pairs_stay_in_order():
    class Sizes(Says):
        def grade(self, pairs):
            sizes.append(len(pairs))
            return [hash(pair) % 3 for pair in pairs]

    sizes = []
    rng = np.random.default_rng(1)
    queries, items = (rng.standard_normal((n, 8)).astype(np.float32) for n in (70, 40))
    graded = {f"q{n}": {0: 2} for n in range(70)}
    mined = mine(queries, items, graded, Sizes({}), 40, PLAIN)
    assert sizes == [1000, 1000, 800], "25 queries of 40 pairs at a time"
    pairs = zip(mined.pairs.query, mined.pairs.product.tolist(), strict=True)
    assert mined.pairs.grade.tolist() == [hash(pair) % 3 for pair in pairs]


def test_long_work_says_how_far_it_is():
    seconds = iter(range(0, 1000, 8))
    said = []
    progress = Progress("pairs", 4000, said.append, now=lambda: next(seconds))
    for done in (1000, 2000, 3000, 4000):
        progress.reached(done)
    assert said == ["  2,000 of 4,000 pairs  16 s to go"], "every 10 s at most, and not at the end"


def test_a_further_round_adds_to_the_earlier_one():
    graded = {"kettle": {0: 0, 1: 0, 2: 2, 3: 2}}
    judge = HumanJudge(graded)
    queries, items = ranking([0, 2, 3, 1])
    first = mine(queries, items, graded, judge, 4, PLAIN)
    assert first.lists[1:] == (GradedList("kettle", {0: 0, 3: 2}),)
    queries, items = ranking([1, 0, 3, 2])
    second = mine(queries, items, graded, judge, 4, PLAIN, round_number=2, earlier=first.pairs)
    assert second.lists[1:] == (GradedList("kettle", {0: 0, 1: 0, 2: 2, 3: 2}),)
    assert (second.retrieved, second.judged) == (4, 4), "of this round"
    assert (second.hard_negatives, second.hard_positives) == (2, 2), "of both"
    assert second.pairs.round.tolist() == [2, 2, 2, 2], "found again: the later finding stays"
    assert len(second.pairs) == 4

    queries, items = ranking([2, 3, 0, 1])
    third = mine(queries, items, graded, judge, 4, PLAIN, round_number=3, earlier=second.pairs)
    assert third.lists == second.lists, "nothing is hard now, and nothing is forgotten"
    assert third.pairs.round.tolist() == [2, 2, 2, 2]


def test_what_mining_graded_is_never_drawn_as_irrelevant():
    queries, items = ranking([0, 1, 2, 3])
    graded = {"kettle": {0: 0, 9: 2}, "pot": {8: 2, 7: 0}}
    queries = np.vstack([queries, queries])
    judge = Says({0: 0, 1: 2, 2: None, 3: 2})
    mined = mine(queries, items, graded, judge, 4, PLAIN)
    for one in mined.lists:
        hard = one.grades.keys() & {3}
        assert one.known | one.grades.keys() >= {0, 1, 3} | graded[one.query].keys()
        assert 2 not in one.known, hard
    assert len(mined.lists) == 4


def test_the_graph_finds_what_exact_search_finds():
    rng = np.random.default_rng(7)
    queries, items = (rng.standard_normal((n, 16)).astype(np.float32) for n in (20, 600))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    graded = {f"q{n}": {row: (row + n) % 3 for row in range(600)} for n in range(20)}
    exact, graph = (
        mine(queries, items, graded, HumanJudge(graded), 100, PLAIN, search=search)
        for search in ("exact", "graph")
    )
    assert graph.judged == exact.judged == 2000
    both = set(rows_of(exact.pairs)) & set(rows_of(graph.pairs))
    assert len(both) > 1900

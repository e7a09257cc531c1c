"""Whom the audit asks again, what becomes of the answer, and the trail it leaves."""

from dataclasses import replace

import pytest

from catalog.model import Grade, Judgment
from training.audit.decide import StrongerJudge, ask_again, corrected, pair_of, people, sample
from training.audit.engagement import UNSEEN
from training.audit.report import agreement_table, figures, trail

LABELS = [
    Judgment("pan", f"{grade}{level}", Grade(grade), "llm")
    for grade in (0, 1, 2)
    for level in ("high", "between", "low", "thin")
]
EVIDENCE = {pair_of(label): replace(UNSEEN, level=label.product_id[1:]) for label in LABELS}


class Recorder:
    """Answers from a table and remembers what it was asked."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def grade(self, pairs):
        self.asked += pairs
        return [self.answers[row] for _, row in pairs]


def stronger(high, low, known=("0high", "2low")):
    """A judge that gives 0high the grade `high` and 2low the grade `low`."""
    judge = Recorder({7: high, 9: low})
    position = {"0high": 7, "2low": 9}
    return StrongerJudge(judge, {name: position[name] for name in known}, "test")


def test_only_contradictions_reach_the_judge():
    judge = stronger(2, 2)
    findings = ask_again(LABELS, EVIDENCE, judge)
    assert judge.judge.asked == [("pan", 7), ("pan", 9)]
    assert [finding.label.product_id for finding in findings] == ["0high", "2low"]
    assert [finding.changed for finding in findings] == [True, False]


@pytest.mark.parametrize(
    ("answer", "grade", "changed", "why"),
    [
        (2, 2, True, "high engagement contradicts grade 0; the judge says 2"),
        (1, 1, True, "high engagement contradicts grade 0; the judge says 1"),
        (0, 0, False, "high engagement contradicts grade 0; the judge confirms it"),
        (None, 0, False, "high engagement contradicts grade 0; the judge cannot tell, so it stays"),
    ],
)
def test_the_judge_decides_and_engagement_never_does(answer, grade, changed, why):
    finding = ask_again(LABELS, EVIDENCE, stronger(answer, 2))[0]
    assert (finding.grade, finding.changed, finding.why) == (grade, changed, why)


def test_products_that_the_judge_does_not_know_stay():
    judge = stronger(2, 0, known=("2low",))
    findings = ask_again(LABELS, EVIDENCE, judge)
    assert judge.judge.asked == [("pan", 9)]
    assert [finding.answer for finding in findings] == [None, 0]


def test_corrected_labels_keep_their_order_and_say_who_changed_them():
    findings = ask_again(LABELS, EVIDENCE, stronger(1, 2))
    after = corrected(LABELS, findings, "audit:test")
    assert after[0] == Judgment("pan", "0high", Grade.SUBSTITUTE, "audit:test")
    assert after[1:] == LABELS[1:]


def test_people_are_found_however_a_query_is_spelt():
    said = [Judgment("PAN", "a", Grade.EXACT), Judgment("pot", "b", Grade.SUBSTITUTE)]
    labels = [Judgment("pan ", "a", Grade.IRRELEVANT), Judgment("pan ", "b", Grade.IRRELEVANT)]
    judge = people(said, labels, "f00d")
    rows = [("pan ", judge.position[name]) for name in "ab"]
    assert judge.judge.grade(rows) == [2, None]
    assert (judge.source, judge.fingerprint) == ("human", "f00d")


def test_figures():
    findings = ask_again(LABELS, EVIDENCE, stronger(2, None))
    found = figures([*LABELS, Judgment("x", "y", Grade.EXACT)], LABELS, EVIDENCE, findings)
    assert found == {
        "labels": 13,
        "sampled": 12,
        "with_evidence": 9,
        "differ": 2,
        "unanswered": 1,
        "changed": 1,
        "share_differ": 0.1667,
        "share_differ_with_evidence": 0.2222,
        "share_changed": 1.0,
        "agreement": agreement_table(LABELS, EVIDENCE),
        "changes": {"0 to 2": 1},
    }
    assert found["agreement"]["2"] == {"high": 1, "between": 1, "low": 1, "thin": 1}
    assert figures([], [], {}, ())["share_differ"] is None


def test_the_trail_says_what_was_why():
    first, second = trail(ask_again(LABELS, EVIDENCE, stronger(2, 2)), "test")
    assert first["engagement"]["level"] == "high"
    assert {key: first[key] for key in first if key not in ("engagement", "why")} == {
        "query": "pan",
        "product_id": "0high",
        "old_grade": 0,
        "old_source": "llm",
        "judge": "test",
        "judge_grade": 2,
        "new_grade": 2,
        "changed": True,
    }
    assert (second["old_grade"], second["new_grade"], second["changed"]) == (2, 2, False)


def test_no_label_no_sample():
    assert sample([], 0.3, 7) == []

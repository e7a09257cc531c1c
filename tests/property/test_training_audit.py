"""Whatever the labels and the log: samples are stable, rates are rates, only the judge changes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.model import Grade, Judgment
from catalog.ubi import Action, LoggedEvent, LoggedQuery
from training.audit.decide import StrongerJudge, pair_of, sample
from training.audit.engagement import rates
from training.audit.examination import examination
from training.audit.job import audit
from training.audit.settings import AuditSettings
from training.audit.traffic import gather
from training.judge import HumanJudge

PRODUCTS = "abcde"
labels = st.lists(
    st.builds(
        Judgment, st.sampled_from(["pan", "pot"]), st.sampled_from(PRODUCTS), st.sampled_from(Grade)
    ),
    unique_by=pair_of,
    min_size=1,
)
searches = st.lists(
    st.tuples(st.sampled_from(["pan", "pot"]), st.permutations(PRODUCTS), st.integers(0, 5)),
    min_size=1,
    max_size=25,
)
deeds = st.lists(
    st.builds(
        LoggedEvent,
        st.sampled_from(Action),
        st.integers(0, 24).map("q{}".format),
        st.sampled_from(PRODUCTS + "x"),
        st.none() | st.integers(1, 60),
        st.none() | st.floats(0, 100),
        st.sampled_from(["", "c1", "c2"]),
    ),
    max_size=60,
)


def logged(drawn):
    return [
        LoggedQuery(f"q{number}", query, tuple(order[:shown]))
        for number, (query, order, shown) in enumerate(drawn)
    ]


@given(labels, st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**32), st.randoms())
def test_samples_do_not_depend_on_order_or_grades_and_grow_with_the_share(
    found, share, other, seed, random
):
    drawn = {pair_of(label) for label in sample(found, share, seed)}
    assert len(drawn) == round(share * len(found))
    shuffled = [Judgment(label.query, label.product_id, Grade.EXACT) for label in found]
    random.shuffle(shuffled)
    assert {pair_of(label) for label in sample(shuffled, share, seed)} == drawn
    more = {pair_of(label) for label in sample(found, max(share, other), seed)}
    assert drawn <= more


@settings(max_examples=60, deadline=None)
@given(searches, deeds, st.sampled_from(["log", "curve"]), st.floats(0, 0.99))
def test_rates_lie_in_their_intervals(drawn, events, kind, confidence):
    chosen = AuditSettings(examination=kind, confidence=confidence)
    traffic = gather(logged(drawn), events, {"pan", "pot"}, chosen)
    theta = examination(traffic, chosen)
    assert theta.max() == 1
    assert (theta > 0).all()
    assert (traffic.clicked <= traffic.shown).all()
    found = rates(traffic, theta, chosen)
    assert np.isfinite(found.rate).all()
    assert (found.low >= 0).all()
    assert (found.low <= found.rate).all()
    assert (found.rate <= found.high).all()
    assert (found.high <= 1).all()
    assert (found.examined <= found.shown * (1 + 1e-9)).all()


@settings(max_examples=60, deadline=None)
@given(labels, searches, deeds, st.floats(0, 1))
def test_a_judge_who_agrees_changes_nothing_whatever_shoppers_did(found, drawn, events, share):
    position = {product: row for row, product in enumerate(PRODUCTS)}
    agrees: dict[str, dict[int, int]] = {}
    for label in found:
        agrees.setdefault(label.query, {})[position[label.product_id]] = int(label.grade)
    judge = StrongerJudge(HumanJudge(agrees), position, "same")
    chosen = AuditSettings(share=share, min_examined=1, min_clients=1, confidence=0)
    seen = gather(logged(drawn), events, {label.query for label in found}, chosen)
    theta = examination(seen, chosen)
    known = rates(seen, theta, chosen)
    if not any(
        pair_of(label) in seen.row and known.examined[seen.row[pair_of(label)]] >= 1
        for label in found
    ):
        return
    done = audit(found, logged(drawn), events, judge, chosen)
    assert list(done.labels) == found
    assert done.report["changed"] == 0

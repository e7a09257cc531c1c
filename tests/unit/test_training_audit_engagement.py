"""From a log to evidence: what counts, where it stood, how sure it is."""

import math
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from catalog.errors import TrainingError
from catalog.model import Grade
from catalog.ubi import Action, LoggedEvent, LoggedQuery
from training.audit.engagement import UNSEEN, Thresholds, evidence, rates, thresholds
from training.audit.examination import estimated, examination
from training.audit.settings import AuditSettings, changed
from training.audit.traffic import gather

SETTINGS = AuditSettings()
HITS = ("a", "b", "c")


def search(number, query="pan", hits=HITS, when=None):
    return LoggedQuery(f"q{number}", query, hits, "someone", when)


def event(number, product, action=Action.CLICK, *, position=None, stayed=None, client="c"):
    return LoggedEvent(action, f"q{number}", product, position, stayed, client)


def added(queries, events, asked=("pan",), settings=SETTINGS):
    return gather(queries, events, set(asked), settings)


def places(traffic):
    """(product, position) → (shown, clicked)."""
    names = {row: product for (_, product), row in traffic.row.items()}
    return {
        (names[row], position): (shown, clicked)
        for row, position, shown, clicked in zip(
            traffic.place_row.tolist(),
            traffic.position.tolist(),
            traffic.shown.tolist(),
            traffic.clicked.tolist(),
            strict=True,
        )
    }


def test_hits_are_what_was_shown():
    traffic = added([search(1), search(2, hits=("b", "a"))], [event(1, "b"), event(2, "b")])
    assert places(traffic) == {
        ("a", 1): (1, 0),
        ("b", 2): (1, 1),
        ("c", 3): (1, 0),
        ("b", 1): (1, 1),
        ("a", 2): (1, 0),
    }
    assert traffic.searches == 2


def test_impressions_take_the_place_of_hits_once_there_are_any():
    seen = [event(1, "b", Action.IMPRESSION, position=2), event(1, "a", Action.IMPRESSION)]
    twice = event(1, "b", Action.IMPRESSION, position=7)
    traffic = added([search(1), search(2)], [*seen, twice, event(1, "a")])
    assert places(traffic) == {("b", 2): (1, 0), ("a", 1): (1, 1)}


def test_a_search_counts_once_with_its_strongest_deed():
    deeds = [
        event(1, "a"),
        event(1, "a"),
        event(1, "a", Action.DWELL, stayed=30.0),
        event(1, "a", Action.CART),
        event(2, "a", Action.DWELL, stayed=29.9),
        event(3, "a", Action.ORDER, client="d"),
    ]
    traffic = added([search(1), search(2), search(3)], deeds)
    row = traffic.row["pan", "a"]
    assert places(traffic)["a", 1] == (3, 3)
    assert traffic.value[row] == pytest.approx(SETTINGS.cart + SETTINGS.click + SETTINGS.order)
    counts = {kind: int(found[row]) for kind, found in traffic.deeds.items()}
    assert counts == {"clicks": 3, "stays": 1, "carts": 1, "orders": 1}
    assert traffic.clients[row] == 2
    assert traffic.value[traffic.row["pan", "b"]] == 0


def test_queries_are_compared_as_normalised_and_others_passed_over():
    queries = [search(1, "  PAN"), search(2, "pot")]
    traffic = added(queries, [event(1, "a"), event(2, "a"), event(9, "a")])
    assert (traffic.searches, set(traffic.row)) == (1, {("pan", product) for product in HITS})
    assert traffic.clicked.sum() == 1


def test_products_that_were_not_shown_stand_where_the_event_says():
    traffic = added([search(1)], [event(1, "x", position=9), event(1, "y")])
    assert places(traffic)["x", 9] == (1, 1)
    assert ("pan", "y") not in traffic.row
    assert traffic.unplaced == 1


def test_what_lies_below_the_depth_was_not_shown():
    settings = changed(SETTINGS, {"depth": "2"})
    traffic = added([search(1)], [event(1, "c"), event(1, "x", position=3)], settings=settings)
    assert set(places(traffic)) == {("a", 1), ("b", 2)}
    assert traffic.clicked.sum() == 0


def test_equal_ids_and_repeated_hits_count_once():
    queries = [search(1, hits=("a", "b", "a")), search(1, hits=("c",))]
    assert places(added(queries, [])) == {("a", 1): (1, 0), ("b", 2): (1, 0)}


def test_period():
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (5, 3, 9)]
    queries = [search(n, when=when) for n, when in enumerate([*times, None])]
    assert added(queries, []).period == (times[1], times[2])
    assert added([search(1)], []).period is None


def moving_log(theta, appeal, searches, seed=1):
    """A log by the position-based model, every product at every position in turn."""
    rng = np.random.default_rng(seed)
    products = [f"p{n}" for n in range(len(appeal))]
    queries, events = [], []
    for number in range(searches):
        order = np.roll(np.arange(len(appeal)), number % len(appeal))
        queries.append(search(number, hits=tuple(products[place] for place in order)))
        for position, place in enumerate(order):
            if rng.random() < theta[position] * appeal[place]:
                events.append(event(number, products[place], client=f"c{number}"))
    return queries, events


def test_examination_is_recovered_from_products_that_move():
    theta = np.arange(1, 7) ** -0.5
    queries, events = moving_log(theta, np.linspace(0.1, 0.9, 6), 20_000)
    settings = changed(SETTINGS, {"depth": "6"})
    found = examination(added(queries, events, settings=settings), settings)
    assert found == pytest.approx(theta, rel=0.06)


def test_a_good_ranking_is_not_mistaken_for_attention():
    """Products that never move say nothing, however differently they are clicked."""
    queries = [search(number) for number in range(500)]
    events = [event(number, "a", client=f"c{number}") for number in range(400)]
    settings = changed(SETTINGS, {"depth": "3", "slope": "0"})
    assert examination(added(queries, events, settings=settings), settings).tolist() == [1, 1, 1]


def test_the_estimate_agrees_with_plain_loops():
    """One fixed point, written out: θ_k = (C_k + w·curve_k) / (Σ_i c_i n_ik / Σ_q n_iq θ_q + w)."""
    queries, events = moving_log(np.array([1, 0.5, 0.3]), np.array([0.2, 0.5, 0.8]), 300)
    traffic = added(queries, events)
    curve = np.array([1.0, 0.5, 1 / 3])
    theta = list(curve)
    counted = places(traffic)
    clicks = Counter()
    for (product, _), (_, clicked) in counted.items():
        clicks[product] += clicked
    for _ in range(2000):
        examined = Counter()
        for (product, position), (shown, _) in counted.items():
            examined[product] += shown * theta[position - 1]
        better = []
        for k in range(3):
            won, expected = 10 * curve[k], 10.0
            for (product, position), (shown, clicked) in counted.items():
                if position == k + 1 and clicks[product]:
                    won += clicked
                    expected += clicks[product] * shown / examined[product]
            better.append(won / expected)
        theta = better
    assert estimated(traffic, curve) == pytest.approx(np.array(theta) / max(theta), abs=1e-4)


def test_the_curve():
    settings = changed(SETTINGS, {"examination": "curve", "slope": "0.5", "depth": "4"})
    found = examination(added([search(1)], []), settings)
    assert found == pytest.approx([1, 2**-0.5, 3**-0.5, 0.5])


def test_rates_undo_the_position():
    """Two products alike in all but where they stand come out alike, by their examined showings."""
    queries = [search(number, hits=("a", "b")) for number in range(2000)]
    events = [event(number, "a", client=f"c{number}") for number in range(400)]
    events += [event(number, "b", client=f"c{number}") for number in range(1000, 1200)]
    settings = changed(SETTINGS, {"examination": "curve", "depth": "2"})
    traffic = added(queries, events, settings=settings)
    found = rates(traffic, examination(traffic, settings), settings)
    assert found.shown.tolist() == [2000, 2000]
    assert found.examined == pytest.approx([2000, 1000])
    assert found.rate == pytest.approx([0.06, 0.06], rel=1e-9)
    assert found.high[0] - found.low[0] < found.high[1] - found.low[1]


def test_the_interval_is_wilsons():
    traffic = added([search(n, hits=("a",)) for n in range(90)], [event(n, "a") for n in range(9)])
    settings = changed(SETTINGS, {"confidence": "0.95"})
    found = rates(traffic, np.ones(50), settings)
    z, n, p = 1.959964, 100.0, 9 * 0.3 / 90
    middle, width = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert found.rate[0] == pytest.approx(p)
    assert found.low[0] == pytest.approx((middle - width) / (1 + z * z / n), abs=1e-6)
    assert found.high[0] == pytest.approx((middle + width) / (1 + z * z / n), abs=1e-6)


@pytest.fixture(scope="module")
def three():
    """`a` is clicked often, `b` now and then, `c` never; `d` is hardly shown."""
    queries = [search(n, hits=("a", "b", "c")) for n in range(400)]
    queries += [search(n, hits=("d",)) for n in range(400, 405)]
    events = [event(n, "a", client=f"c{n % 2}") for n in range(200)]
    events += [event(n, "b", client=f"c{n}") for n in range(40)]
    traffic = added(queries, events)
    return traffic, rates(traffic, np.ones(50), SETTINGS)


def level(three, product, bounds, **changes):
    settings = changed(SETTINGS, {name: str(value) for name, value in changes.items()})
    return evidence(("pan", product), *three, bounds, settings).level


def test_levels(three):
    bounds = Thresholds(high=0.1, low=0.02)
    levels = [level(three, product, bounds, min_clients=2) for product in "abcdx"]
    assert levels == ["high", "between", "low", "thin", "thin"]
    assert level(three, "a", bounds) == "between"  # two clients are too few
    assert evidence(("pan", "x"), *three, bounds, SETTINGS) is UNSEEN
    seen = evidence(("pan", "a"), *three, bounds, SETTINGS)
    assert (seen.shown, seen.clicks, seen.clients, seen.orders) == (400, 200, 2, 0)


def test_thresholds_are_what_is_usual_for_a_grade_or_given(three):
    traffic, found = three
    labelled = {
        ("pan", "a"): Grade.EXACT,
        ("pan", "b"): Grade.EXACT,
        ("pan", "c"): Grade.IRRELEVANT,
        ("pan", "d"): Grade.EXACT,  # thin
        ("pan", "x"): Grade.IRRELEVANT,  # never shown
    }
    rate = {product: found.rate[traffic.row["pan", product]] for product in "abc"}
    bounds = thresholds(*three, labelled, SETTINGS)
    assert bounds.high == pytest.approx(0.7 * rate["b"] + 0.3 * rate["a"])
    assert bounds.low == pytest.approx(rate["c"])
    settings = changed(SETTINGS, {"high_rate": "0.2"})
    assert thresholds(*three, labelled, settings) == Thresholds(0.2, bounds.low)
    settings = changed(SETTINGS, {"low_rate": "0.001"})
    assert thresholds(*three, labelled, settings) == Thresholds(bounds.high, 0.001)


def test_thresholds_never_cross_and_a_grade_without_evidence_gives_none(three):
    crossed = {("pan", "a"): Grade.IRRELEVANT, ("pan", "c"): Grade.EXACT}
    bounds = thresholds(*three, crossed, SETTINGS)
    assert bounds.low == bounds.high > 0
    assert thresholds(*three, {("pan", "b"): Grade.SUBSTITUTE}, SETTINGS) == Thresholds(1.0, 0.0)
    with pytest.raises(TrainingError, match=r"examined 20 times, found 1 that were shown"):
        thresholds(*three, {("pan", "d"): Grade.EXACT, ("pan", "x"): Grade.EXACT}, SETTINGS)


def test_an_empty_log_says_too_little():
    traffic = added([], [])
    found = rates(traffic, examination(traffic, SETTINGS), SETTINGS)
    with pytest.raises(TrainingError, match="in 0 searches"):
        thresholds(traffic, found, {("pan", "a"): Grade.EXACT}, SETTINGS)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shares": "1"}, "unknown audit setting `shares`"),
        ({"share": "much"}, "cannot be read"),
        ({"share": "1.1"}, "`share` is out of range"),
        ({"confidence": "nan"}, "`confidence` is out of range"),
        ({"confidence": "1"}, "`confidence` is out of range"),
        ({"depth": "2.5"}, "cannot be read"),
        ({"examination": "guess"}, "log or curve"),
        ({"high_quantile": "-0.2"}, "`high_quantile` is out of range"),
        ({"high_rate": "0.1", "low_rate": "0.2"}, "low_rate <= high_rate"),
        ({"cart": "0.1"}, "click <= stay <= cart <= order"),
    ],
)
def test_impossible_settings(changes, says):
    with pytest.raises(TrainingError, match=says):
        changed(SETTINGS, changes)

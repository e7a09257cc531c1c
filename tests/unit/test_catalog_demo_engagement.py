"""The simulated log of the made-up shop, and wrong labels put in on purpose."""

import csv
from collections import Counter, defaultdict

import pytest
from typer.testing import CliRunner

from catalog.artefact import read_manifest
from catalog.cli import app
from catalog.demo import QueryCounts, generate
from catalog.demo.engagement import PAGE, simulate
from catalog.demo.engagement_log import EVENT_LOG, QUERY_LOG, write_logs
from catalog.demo.label_noise import NOISY, TRUE
from catalog.errors import CatalogError
from catalog.judgments import read_judgments
from catalog.model import Grade
from catalog.ubi import Action, read_logged_events, read_logged_queries

SEARCHES = 6000


@pytest.fixture(scope="module")
def shop():
    return generate(7, 1000, counts=QueryCounts(60, 30, 20))


@pytest.fixture(scope="module")
def log(shop):
    return list(simulate(shop, SEARCHES, seed=3))


@pytest.fixture(scope="module")
def grades(shop):
    return {
        (judgment.query, judgment.product_id): judgment.grade
        for judgments in shop.judgments.values()
        for judgment in judgments
    }


def test_a_page_of_judged_products_is_shown(shop, log, grades):
    assert len(log) == SEARCHES
    assert len({query.query_id for query, _ in log}) == SEARCHES
    for query, _ in log:
        assert len(query.hits) == len(set(query.hits)) == PAGE
        assert all((query.query, product_id) in grades for product_id in query.hits)
    asked = Counter(query.query for query, _ in log)
    first, last = shop.queries[0], shop.queries[-1]
    assert asked[first.text] > 10 * asked[last.text]


def test_events_belong_to_what_was_shown_and_follow_in_time(log):
    for query, events in log:
        clicked = set()
        for event in events:
            assert event.query_id == query.query_id
            assert query.hits[event.position - 1] == event.product_id
            assert event.client_id == query.client_id
            assert event.timestamp > query.timestamp
            if event.action is Action.CLICK:
                clicked.add(event.product_id)
            assert event.product_id in clicked
            assert (event.dwell_time is not None) == (event.action is Action.DWELL)
        assert list(events) == sorted(events, key=lambda event: event.timestamp)


def test_clicks_fall_with_the_position_and_rise_with_the_true_grade(log, grades):
    shown, clicked, stayed = Counter(), Counter(), defaultdict(list)
    for query, events in log:
        for position, product_id in enumerate(query.hits, start=1):
            shown[grades[query.query, product_id], position <= 4] += 1
        for event in events:
            grade = grades[query.query, event.product_id]
            if event.action is Action.CLICK:
                clicked[grade, event.position <= 4] += 1
            if event.action is Action.DWELL:
                stayed[grade].append(event.dwell_time)
    rate = {key: clicked[key] / shown[key] for key in shown}
    for grade in Grade:
        assert rate[grade, True] > 1.5 * rate[grade, False]
    for top in (True, False):
        assert rate[Grade.EXACT, top] > 1.4 * rate[Grade.SUBSTITUTE, top]
        assert rate[Grade.SUBSTITUTE, top] > 1.4 * rate[Grade.IRRELEVANT, top]
    medians = {grade: sorted(times)[len(times) // 2] for grade, times in stayed.items()}
    assert medians[Grade.EXACT] > medians[Grade.SUBSTITUTE] > medians[Grade.IRRELEVANT]


def test_the_ranking_is_neither_perfect_nor_always_the_same(log, grades):
    pages, best = defaultdict(set), Counter()
    for query, _ in log:
        pages[query.query].add(query.hits)
        best[grades[query.query, query.hits[0]]] += 1
    assert len(max(pages.values(), key=len)) > 100
    assert min(best[grade] for grade in Grade) > 0
    assert best[Grade.EXACT] > best[Grade.IRRELEVANT]


def test_there_are_robots(log):
    clicks = Counter(
        event.client_id[0] for _, events in log for event in events if event.action is Action.CLICK
    )
    searches = Counter(query.client_id[0] for query, _ in log)
    assert clicks["r"] / searches["r"] > 2 * clicks["c"] / searches["c"] > 0


def test_fewer_searches_are_the_beginning_of_more(shop, log):
    assert list(simulate(shop, 50, seed=3)) == log[:50]
    assert list(simulate(shop, 50, seed=4)) != log[:50]
    assert list(simulate(shop, 0, seed=3)) == []


def test_written_logs_read_back(shop, log, tmp_path):
    counts = write_logs(shop, tmp_path, 200, seed=3)
    queries = list(read_logged_queries(tmp_path / QUERY_LOG, strict=True))
    events = list(read_logged_events(tmp_path / EVENT_LOG, strict=True))
    assert queries == [query for query, _ in log[:200]]
    assert events == [event for _, events in log[:200] for event in events]
    assert counts == {"searches": 200, "events": len(events)}


OPTIONS = ["--products=200", "--train-queries=40", "--calibration-queries=20", "--test-queries=20"]


def bytes_of(directory):
    return {
        path.name: path.read_bytes() for path in directory.iterdir() if path.name != "manifest.json"
    }


def demo_data(out, *options):
    result = CliRunner().invoke(app, [*OPTIONS, f"--out={out}", *options])
    assert result.exit_code == 0, result.output
    return bytes_of(out), result.output


def test_command_with_logs_and_noise_adds_files_and_changes_one(tmp_path):
    plain, _ = demo_data(tmp_path / "plain")
    more, said = demo_data(tmp_path / "more", "--searches=300", "--label-noise=0.1")
    again, _ = demo_data(tmp_path / "again", "--searches=300", "--label-noise=0.1")
    assert more == again
    assert more.keys() - plain.keys() == {QUERY_LOG, EVENT_LOG, TRUE}
    assert {name for name in plain if plain[name] != more[name]} == {NOISY}
    assert more[TRUE] == plain[NOISY]
    assert "300 searches" in said
    assert "10.0% of the training labels" in said
    config = read_manifest(tmp_path / "more", "demo-data").config
    assert config["label_noise"] == 0.1
    assert config["engagement"]["searches"] == 300
    assert (
        not {"label_noise", "engagement"}
        & read_manifest(tmp_path / "plain", "demo-data").config.keys()
    )
    noisy = list(read_judgments(tmp_path / "more" / NOISY, strict=True))
    true = list(read_judgments(tmp_path / "more" / TRUE, strict=True))
    assert sum(a != b for a, b in zip(noisy, true, strict=True)) == round(0.1 * len(true))
    with (tmp_path / "more" / NOISY).open() as stream:
        assert {row["source"] for row in csv.DictReader(stream, delimiter="\t")} == {"policy"}


@pytest.mark.parametrize("options", [("--searches=-1",), ("--label-noise=1.5",)])
def test_command_refuses_nonsense(tmp_path, options):
    result = CliRunner().invoke(app, [*OPTIONS, f"--out={tmp_path / 'no'}", *options])
    assert result.exit_code == 2
    assert not (tmp_path / "no").exists()


def test_no_such_share():
    from random import Random

    from catalog.demo.label_noise import with_label_noise

    with pytest.raises(CatalogError, match="0 to 1"):
        with_label_noise([], -0.1, Random(1))

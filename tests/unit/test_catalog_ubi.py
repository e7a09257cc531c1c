"""Behaviour logs in UBI's fields, of every version and file format, and what is wrong in them."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from catalog.errors import CatalogError
from catalog.issues import Issues
from catalog.ubi import (
    Action,
    LoggedEvent,
    LoggedQuery,
    read_logged_events,
    read_logged_queries,
)

QUERY = {
    "application": "primary-search",
    "query_id": "q1",
    "client_id": "c1",
    "user_query": "RAM memory",
    "query_attributes": {"page": 1},
    "timestamp": "2026-01-05T08:15:30Z",
    "query_response_hit_ids": ["B2", "B1"],
}
EVENT = {
    "action_name": "click",
    "query_id": "q1",
    "client_id": "c1",
    "session_id": "s1",
    "timestamp": "2026-01-05T08:15:42+01:00",
    "event_attributes": {
        "object": {"object_id": "B1", "object_id_field": "id"},
        "position": {"ordinal": 2},
    },
}


def lines(path, *documents):
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


def queries(path, **options):
    issues = Issues()
    return list(read_logged_queries(path, issues=issues, **options)), issues


def events(path, **options):
    issues = Issues()
    return list(read_logged_events(path, issues=issues, **options)), issues


def changed(path, value):
    """EVENT with the value at a dotted path; without it where the value is None."""
    event = json.loads(json.dumps(EVENT))
    *parents, last = path.split(".")
    place = event
    for name in parents:
        place = place[name]
    place[last] = value
    return event


def test_a_search_and_an_event_as_the_schema_has_them(tmp_path):
    found, issues = queries(lines(tmp_path / "ubi_queries.jsonl", QUERY), strict=True)
    when = datetime(2026, 1, 5, 8, 15, 30, tzinfo=UTC)
    assert found == [LoggedQuery("q1", "RAM memory", ("B2", "B1"), "c1", when)]
    assert issues.kept == 1
    (event,), _ = events(lines(tmp_path / "ubi_events.jsonl", EVENT), strict=True)
    when = datetime(2026, 1, 5, 7, 15, 42, tzinfo=UTC)
    assert event == LoggedEvent(Action.CLICK, "q1", "B1", 2, None, "c1", "s1", when)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("impression", Action.IMPRESSION),
        ("click", Action.CLICK),
        ("click_through", Action.CLICK),
        ("dwell", Action.DWELL),
        ("add_to_cart", Action.CART),
        ("purchase", Action.ORDER),
        ("order", Action.ORDER),
        ("Purchase", Action.ORDER),
    ],
)
def test_actions(tmp_path, name, action):
    (event,), _ = events(lines(tmp_path / "e.jsonl", changed("action_name", name)), strict=True)
    assert event.action is action


def test_what_is_no_event_of_a_search_is_left_out_and_no_fault(tmp_path):
    path = lines(
        tmp_path / "both.jsonl",
        QUERY,
        EVENT,
        changed("action_name", "view"),
        changed("action_name", "product_hover"),
        changed("query_id", None),
    )
    found, issues = events(path, strict=True)
    assert (len(found), issues.left_out, issues.total) == (1, 4, 0)
    searches, issues = queries(path, strict=True)
    assert (len(searches), issues.left_out, issues.total) == (1, 4, 0)


def test_positions_of_every_version(tmp_path):
    ordinals = [3, {"index": 4}, "5", 6.0, None]
    path = lines(
        tmp_path / "e.jsonl",
        *(changed("event_attributes.position.ordinal", ordinal) for ordinal in ordinals),
        changed("event_attributes.position", {"xy": {"x": 1, "y": 2}}),
    )
    found, _ = events(path, strict=True)
    assert [event.position for event in found] == [3, 4, 5, 6, None, None]


@pytest.mark.parametrize(
    "name",
    ["query_response_hit_ids", "query_response_object_ids", "query_response_objects_ids"],
)
def test_hits_by_every_name_they_ever_had(tmp_path, name):
    query = {key: value for key, value in QUERY.items() if key != "query_response_hit_ids"}
    (found,), _ = queries(lines(tmp_path / "q.jsonl", query | {name: [7, "B1"]}), strict=True)
    assert found.hits == ("7", "B1")


def test_exports_and_bulk_files(tmp_path):
    path = lines(
        tmp_path / "q.ndjson",
        {"_index": "ubi_queries", "_id": "1", "_source": QUERY},
        {"index": {"_index": "ubi_queries", "_id": "2"}},
        QUERY | {"query_id": "q2"},
    )
    found, issues = queries(path, strict=True)
    assert [query.query_id for query in found] == ["q1", "q2"]
    assert issues.left_out == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-05T08:15:30", datetime(2026, 1, 5, 8, 15, 30, tzinfo=UTC)),
        (1767600930000, datetime(2026, 1, 5, 8, 15, 30, tzinfo=UTC)),
        ("1767600930000", datetime(2026, 1, 5, 8, 15, 30, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_timestamps(tmp_path, value, expected):
    found, _ = queries(lines(tmp_path / "q.jsonl", QUERY | {"timestamp": value}), strict=True)
    assert found[0].timestamp == expected


def test_tables_name_nested_fields_with_dots(tmp_path):
    path = tmp_path / "events.csv.gz"
    with gzip.open(path, "wt") as stream:
        stream.write(
            "action_name,query_id,event_attributes.object.object_id,"
            "event_attributes.position.ordinal,event_attributes.dwell_time\n"
            "dwell,q1,B1,3,12.5\n"
        )
    found, _ = events(path, strict=True)
    assert found == [LoggedEvent(Action.DWELL, "q1", "B1", 3, 12.5)]
    path = tmp_path / "queries.tsv"
    path.write_text(
        "query_id\tuser_query\tquery_response_hit_ids\n"
        'q1\tpan\t"[""B1"",""B2""]"\nq2\tpot\tB3,B4\nq3\tlid\t\n'
    )
    assert [query.hits for query in queries(path, strict=True)[0]] == [
        ("B1", "B2"),
        ("B3", "B4"),
        (),
    ]


def test_parquet_holds_structures(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist([EVENT]), tmp_path / "e.parquet")
    parquet.write_table(pyarrow.Table.from_pylist([QUERY]), tmp_path / "q.parquet")
    (event,), _ = events(tmp_path / "e.parquet", strict=True)
    assert (event.product_id, event.position) == ("B1", 2)
    assert queries(tmp_path / "q.parquet", strict=True)[0][0].hits == ("B2", "B1")


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (QUERY | {"query_id": ""}, "empty id"),
        (QUERY | {"user_query": "  "}, "empty query"),
        (QUERY | {"user_query": {"query": "RAM"}}, "broken line"),
    ],
)
def test_searches_that_do_not_come_out(tmp_path, document, kind):
    path = lines(tmp_path / "q.jsonl", QUERY, document)
    found, issues = queries(path)
    assert (len(found), issues.skipped, dict(issues.counts)) == (1, 1, {kind: 1})
    assert issues.examples[kind][0].where == f"{path}:2"
    with pytest.raises(CatalogError) as caught:
        queries(path, strict=True)
    assert caught.value.where == f"{path}:2"


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("query_response_hit_ids", {"a": 1}, "bad hits"),
        ("query_response_hit_ids", ["B1", None], "bad hits"),
        ("query_response_hit_ids", "[B1", "bad hits"),
        ("timestamp", "yesterday", "bad timestamp"),
        ("timestamp", 1e300, "bad timestamp"),
    ],
)
def test_searches_with_a_flaw_come_out_without_that_part(tmp_path, field, value, kind):
    found, issues = queries(lines(tmp_path / "q.jsonl", QUERY | {field: value}))
    assert dict(issues.counts) == {kind: 1}
    assert (found[0].hits == ()) == (kind == "bad hits")
    assert (found[0].timestamp is None) == (kind == "bad timestamp")


@pytest.mark.parametrize("ordinal", [0, -1, 1.5, "first", True, [1]])
def test_impossible_positions(tmp_path, ordinal):
    path = lines(tmp_path / "e.jsonl", changed("event_attributes.position.ordinal", ordinal))
    (event,), issues = events(path)
    assert event.position is None
    assert dict(issues.counts) == {"bad position": 1}


def test_other_faults_of_events(tmp_path):
    path = lines(
        tmp_path / "e.jsonl",
        changed("event_attributes.dwell_time", -3),
        changed("event_attributes.object.object_id", None),
        changed("query_id", {"id": 1}),
    )
    with path.open("a") as stream:
        stream.write("{cut\n")
    found, issues = events(path)
    assert [event.dwell_time for event in found] == [None]
    assert dict(issues.counts) == {"bad dwell time": 1, "empty id": 1, "broken line": 2}
    assert issues.examples["broken line"][1].where == f"{path}:4"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("e.jsonl", "", "empty"),
        ("e.jsonl", json.dumps(QUERY), "gave no event of a search"),
        ("e.csv", "action_name,query_id\nclick,q1\n", "object_id or event_attributes"),
        ("e.xml", "<a/>", "suffix"),
    ],
)
def test_files_without_events_are_refused(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(CatalogError, match=says):
        events(tmp_path / name)

"""Whatever a line of a log holds, it comes out, is left out or is counted; nothing else happens."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.issues import Issues
from catalog.ubi import read_logged_events, read_logged_queries

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
place = st.fixed_dictionaries({}, optional={"ordinal": values})
attributes = st.fixed_dictionaries(
    {}, optional={"object": values, "position": place | values, "dwell_time": values}
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "action_name": st.sampled_from(["click", "view"]) | values,
        "query_id": st.just("q1") | values,
        "user_query": st.just("pan") | values,
        "query_response_hit_ids": values,
        "timestamp": values,
        "event_attributes": attributes | values,
        "_source": values,
    },
)
GOOD = {
    read_logged_queries: {"query_id": "q", "user_query": "pan"},
    read_logged_events: {
        "action_name": "click",
        "query_id": "q",
        "event_attributes": {"object": {"object_id": "B1"}},
    },
}


@settings(max_examples=150, deadline=None)
@given(st.lists(documents | values, max_size=5), st.sampled_from(list(GOOD)))
def test_every_line_is_accounted_for(found, read):
    lines = [json.dumps(GOOD[read]), *(json.dumps(document) for document in found)]
    issues = Issues()
    with TemporaryDirectory() as directory:
        path = Path(directory) / "log.jsonl"
        path.write_text("\n".join(lines))
        came_out = list(read(path, issues=issues))
    assert issues.kept == len(came_out) >= 1
    assert issues.kept + issues.skipped + issues.left_out == len(lines)

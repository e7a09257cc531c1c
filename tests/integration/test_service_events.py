"""`/v1/events` and the log of searches: what the service writes is what the audit reads."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from catalog.issues import Issues
from catalog.model import Grade, Judgment
from catalog.split import query_hash
from catalog.ubi import Action, read_logged_events, read_logged_queries
from index.engine import Engine
from service.app import create_app
from service.event_log import EventLog
from service.event_schemas import Accepted
from service.events import Recorder
from service.schemas import ProblemAnswer
from service.settings import (
    EncoderSettings,
    EventSettings,
    KeySettings,
    LimitSettings,
    LogSettings,
    Settings,
    SettingsError,
)
from training.audit.decide import StrongerJudge
from training.audit.job import audit
from training.audit.settings import AuditSettings
from training.judge import HumanJudge

pytestmark = pytest.mark.anyio
CLICK = {
    "action_name": "click",
    "query_id": "q1",
    "client_id": "device-7",
    "event_attributes": {"object": {"object_id": "p001"}, "position": {"ordinal": 3}},
}
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "events"


def settings(kept: Path | None, **more: Any) -> Settings:
    return Settings(
        encoder=EncoderSettings(max_wait_us=60_000_000),
        **{
            "limits": LimitSettings(timeout_ms=60_000),
            "log": LogSettings(query="on"),
            "events": EventSettings(path=kept, batch=50),
            **more,
        },
    )


@pytest.fixture
def app(engine: Engine, kept: Path) -> FastAPI:
    return create_app(settings(kept), engine)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        yield client


def files(kept: Path, kind: str) -> list[Path]:
    return sorted(kept.glob(f"{kind}-*.jsonl"))


def records(kept: Path, kind: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for path in files(kept, kind) for line in path.read_text().splitlines()
    ]


def refused(response: httpx.Response, status: int, code: str) -> ProblemAnswer:
    assert response.status_code == status, response.text
    problem = ProblemAnswer.model_validate_json(response.content)
    assert problem.code == code
    return problem


def accepted(response: httpx.Response) -> int:
    assert response.status_code == 202, response.text
    return Accepted.model_validate_json(response.content).accepted


async def test_the_audit_reads_what_the_service_wrote(app: FastAPI, kept: Path) -> None:
    """Twenty shoppers search, look at two pages, and all want what a label calls irrelevant."""
    async with serving(app) as client:
        for shopper in range(20):
            see = "/v1/search?q=Red+kettle&min_tier=irrelevant&limit=5"
            first = (await client.get(see)).json()
            batch = {"searches": [{"q": "red  kettle", "limit": 5, "offset": 5}]}
            batch["searches"][0]["min_tier"] = "irrelevant"
            (second,) = (await client.post("/v1/search:batch", json=batch)).json()["results"]
            wanted, passed = first["hits"][1], second["hits"][0]
            assert passed["rank"] == 6
            events = [
                event(first, wanted, "click", shopper),
                event(first, wanted, "dwell", shopper, dwell_time=40.5),
                event(first, wanted, "purchase", shopper),
            ]
            assert accepted(await client.post("/v1/events", json=events)) == 3
    issues = Issues()
    queries = [q for path in files(kept, "queries") for q in read_logged_queries(path, strict=True)]
    logged = [
        each
        for path in files(kept, "events")
        for each in read_logged_events(path, strict=True, issues=issues)
    ]
    assert len(queries) == 40
    assert {(query.query, query.offset) for query in queries} == {
        ("Red kettle", 0),
        ("red  kettle", 5),
    }
    assert queries[0].hits == tuple(hit["id"] for hit in first["hits"])
    assert all(query.timestamp is not None for query in queries)
    assert [each.action for each in logged[:3]] == [Action.CLICK, Action.DWELL, Action.ORDER]
    assert (logged[1].dwell_time, logged[0].position) == (40.5, 2)
    assert (issues.kept, issues.left_out) == (60, 0)
    shown = [hit["id"] for hit in (*first["hits"], *second["hits"])]
    labels = [
        Judgment("red kettle", name, Grade.IRRELEVANT if name == wanted["id"] else Grade.EXACT)
        for name in shown
    ]
    judge = StrongerJudge(HumanJudge({"red kettle": {0: 2}}), {wanted["id"]: 0}, "people")
    found = audit(labels, queries, logged, judge, AuditSettings(share=1.0, min_examined=1.0))
    seen = found.evidence["red kettle", wanted["id"]]
    assert (seen.shown, seen.orders, seen.stays, seen.clients) == (20, 20, 20, 20)
    assert found.evidence["red kettle", passed["id"]].shown == 20
    answers = {each.label.product_id: each.answer for each in found.findings}
    assert answers[wanted["id"]] is Grade.EXACT
    assert found.report["log"]["searches"] == 40
    assert found.report["log"]["unplaced"] == 0


def event(answer: Any, hit: Any, action: str, shopper: int, **more: Any) -> dict[str, Any]:
    attributes = {"object": {"object_id": hit["id"]}, "position": {"ordinal": hit["rank"]}, **more}
    return {
        "action_name": action,
        "query_id": answer["query_id"],
        "client_id": f"device-{shopper}",
        "event_attributes": attributes,
    }


async def test_one_a_list_and_lines(app: FastAPI, kept: Path) -> None:
    async with serving(app) as client:
        assert accepted(await client.post("/v1/events", json=CLICK)) == 1
        assert accepted(await client.post("/v1/events", json=[CLICK, CLICK])) == 2
        lines = "\n".join(["", json.dumps(CLICK), json.dumps(CLICK | {"timestamp": 0}), ""])
        response = await client.post("/v1/events", content=lines, headers=NDJSON)
        assert accepted(response) == 2
        assert accepted(await client.post("/v1/events", json=[])) == 0
    written = records(kept, "events")
    assert len(written) == 5
    assert all(each | {"timestamp": 0} == CLICK | {"timestamp": 0} for each in written)
    assert written[4]["timestamp"] == "1970-01-01T00:00:00.000+00:00"
    assert written[0]["timestamp"] > "2026"


WRONG = [
    ({}, "action_name query_id event_attributes"),
    (CLICK | {"action_name": "view"}, "action_name"),
    (CLICK | {"query_id": ""}, "query_id"),
    (CLICK | {"query_id": 5}, "query_id"),
    (CLICK | {"extra": 1}, "extra"),
    (CLICK | {"client_id": "x" * 201}, "client_id"),
    (CLICK | {"timestamp": "yesterday"}, "timestamp"),
    (CLICK | {"timestamp": 10**18}, "timestamp"),
    (CLICK | {"timestamp": True}, "timestamp"),
    (CLICK | {"event_attributes": {"object": {}}}, "event_attributes/object/object_id"),
    (
        CLICK | {"event_attributes": {"object": {"object_id": "a"}, "position": {"ordinal": 0}}},
        "event_attributes/position/ordinal",
    ),
    (
        CLICK | {"event_attributes": {"object": {"object_id": "a"}, "dwell_time": -1.0}},
        "event_attributes/dwell_time",
    ),
    (CLICK | {"action_name": "dwell"}, ""),
]


async def test_wrong_events_are_refused_whole(app: FastAPI, kept: Path) -> None:
    async with serving(app) as client:
        for value, pointers in WRONG:
            problem = refused(await client.post("/v1/events", json=value), 422, "invalid_parameter")
            wanted = [f"#/{each}".rstrip("/") for each in pointers.split(" ")]
            assert [fault.pointer for fault in problem.errors] == wanted, value
            response = await client.post("/v1/events", json=[CLICK, value])
            problem = refused(response, 422, "invalid_parameter")
            assert problem.errors[0].pointer == f"#/1/{pointers.split(' ')[0]}".rstrip("/")
            lines = f"{json.dumps(CLICK)}\n{json.dumps(value)}"
            response = await client.post("/v1/events", content=lines, headers=NDJSON)
            problem = refused(response, 422, "invalid_parameter")
            assert problem.errors[0].pointer.startswith("#/1")
    assert records(kept, "events") == []


async def test_bodies_that_are_none(app: FastAPI) -> None:
    async with serving(app) as client:
        kind = {"Content-Type": "application/json"}
        for body in (b"", b"{", b"[" * 2000, b"\xff"):
            response = await client.post("/v1/events", content=body, headers=kind)
            refused(response, 422, "invalid_json")
        response = await client.post("/v1/events", content=b'{}\n{"', headers=NDJSON)
        assert refused(response, 422, "invalid_json").errors[0].pointer == "#/1"
        refused(await client.post("/v1/events", content=b"{}"), 415, "unsupported_media_type")
        refused(await client.post("/v1/events", json=[CLICK] * 51), 413, "body_too_large")
        huge = b"x" * 2_000_000
        refused(await client.post("/v1/events", content=huge, headers=kind), 413, "body_too_large")


async def test_without_a_path_events_are_off(engine: Engine) -> None:
    async with serving(create_app(settings(None), engine)) as client:
        problem = refused(await client.post("/v1/events", json=CLICK), 404, "events_off")
        assert "GRADUS_EVENTS__PATH" in problem.detail
        assert (await client.get("/v1/search?q=kettle")).json()["query_id"]


async def test_search_keys_open_the_route(engine: Engine, kept: Path) -> None:
    keys = KeySettings(search_sha256=(sha256(b"shop").hexdigest(),))
    async with serving(create_app(settings(kept, keys=keys), engine)) as client:
        refused(await client.post("/v1/events", json=CLICK), 401, "unauthorized")
        response = await client.post("/v1/events", json=CLICK, headers={"X-API-Key": "shop"})
        assert accepted(response) == 1


@pytest.mark.parametrize("wanted", ["off", "hash"])
async def test_text_of_queries_is_kept_only_when_it_may_be(
    engine: Engine, kept: Path, wanted: str, caplog: pytest.LogCaptureFixture
) -> None:
    quiet = settings(kept, log=LogSettings(query=wanted))
    async with serving(create_app(quiet, engine)) as client:
        answer = (await client.get("/v1/search?q=secret+kettle&limit=3")).json()
        told = CLICK | {"user_query": "secret kettle"}
        assert accepted(await client.post("/v1/events", json=told)) == 1
    assert "secret" not in json.dumps(records(kept, "events"))
    (record,) = records(kept, "queries")
    assert record["query_id"] == answer["query_id"]
    assert record["query_response_hit_ids"] == [hit["id"] for hit in answer["hits"]]
    assert "secret" not in json.dumps(record)
    hashed = record["query_attributes"].get("query_hash")
    assert hashed == (query_hash("secret kettle") if wanted == "hash" else None)
    assert "GRADUS_LOG__QUERY=on" in caplog.text


async def test_a_kept_answer_is_a_search_of_its_own(engine: Engine, kept: Path) -> None:
    async with serving(create_app(settings(kept, answers=10), engine)) as client:
        first = await client.get("/v1/search?q=kettle")
        assert "etag" not in first.headers
        again = await client.get("/v1/search?q=kettle", headers={"If-None-Match": "*"})
        assert again.status_code == 200
    assert [each["query_id"] for each in records(kept, "queries")] == [
        first.json()["query_id"],
        again.json()["query_id"],
    ]


async def test_no_room_is_said(app: FastAPI) -> None:
    async with serving(app) as client:
        recorder: Recorder = app.state.events
        recorder.log.most_waiting = 0
        problem = refused(await client.post("/v1/events", json=CLICK), 429, "overloaded")
        assert problem.detail
        recorder.log.failing = True
        refused(await client.post("/v1/events", json=CLICK), 503, "unavailable")
        assert (await client.get("/v1/search?q=kettle")).status_code == 200
        text = (await client.get("/metrics")).text
        assert 'gradus_event_records_refused_total{kind="queries"}' in text
        recorder.log.failing = False


async def test_a_disk_that_refuses_loses_nothing(
    app: FastAPI, kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("service.event_log._RETRY_SECONDS", 0.02)
    real = os.write
    with monkeypatch.context() as patch:

        def full(descriptor: int, data: bytes) -> int:
            real(descriptor, data[:7])  # a part comes through
            raise OSError(errno.ENOSPC, "No space left")

        async with serving(app) as client:
            patch.setattr("service.event_log.os.write", full)
            assert accepted(await client.post("/v1/events", json=[CLICK] * 3)) == 3
            recorder: Recorder = app.state.events
            async with asyncio.timeout(60):
                while not recorder.log.failing:
                    await asyncio.sleep(0.01)
            patch.setattr("service.event_log.os.write", real)
    assert len(records(kept, "events")) == 3
    assert "events cannot be written" in caplog.text


def test_files_follow_one_another(tmp_path: Path) -> None:
    log = EventLog(tmp_path, file_bytes=1024, most_waiting=1000, sync_seconds=0)
    log.start()
    for number in range(40):
        assert log.put("events", [json.dumps({"number": number, "x": "y" * 200}).encode()])
        if number % 8 == 7:
            while log.waiting:
                pass
    log.close()
    found = files(tmp_path, "events")
    assert len(found) > 2
    assert [each["number"] for each in records(tmp_path, "events")] == list(range(40))


def test_a_place_that_cannot_be_written_to_is_refused(engine: Engine, tmp_path: Path) -> None:
    from service.events import open_recorder

    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="GRADUS_EVENTS__PATH"):
        open_recorder(settings(tmp_path / "file" / "below"))

"""The client without a service: what it sends, what it reads, when it tries again."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from service import (
    batch,
    embed,
    event_schemas,
    operation_schemas,
    product_schemas,
    schemas,
    suggest,
)
from service.app import create_app
from service.client import (
    NEVER,
    AsyncClient,
    Client,
    Options,
    ProblemError,
    Retries,
    event_calls,
    operation_results,
    product_calls,
    product_results,
    results,
)
from service.client.decoding import decode
from service.client.errors import (
    BadAnswer,
    ClientError,
    Conflict,
    IndexChanged,
    KeyRefused,
    NoAnswer,
    NotSent,
    Problem,
    TooBusy,
    Unavailable,
)
from service.client.exchange import retry_after
from service.client.product_calls import Delete, Patch, Put
from service.parameters import SearchParameters
from service.settings import Settings

LIVE = {"status": "ok"}
PUBLISHED = {"serving": "two", "before": "one"}
Reply = httpx.Response | Exception


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    body = {
        "type": f"urn:gradus:problem:{code}",
        "title": "No",
        "status": status,
        "detail": "no",
        "instance": "/",
        "code": code,
        "request_id": "r1",
        "errors": [{"pointer": "#/q", "message": "is missing"}],
    }
    headers = {"Content-Type": "application/problem+json", **headers}
    return httpx.Response(status, content=json.dumps(body).encode(), headers=headers)


def busy(seconds: str = "3") -> httpx.Response:
    return problem(429, "overloaded", **{"Retry-After": seconds})


def good(body: object = LIVE) -> httpx.Response:
    return httpx.Response(200, json=body)


class Script:
    """A service that gives one prepared reply after the other; time passes only in sleep."""

    def __init__(self, *replies: Reply, retries: Retries | None = None) -> None:
        self.replies, self.seen, self.slept = list(replies), [], []
        retries = retries or Retries()
        options = Options("http://shop", api_key="secret", retries=retries)
        self.client = Client(options, httpx.MockTransport(self.reply))
        self.client._exchanges.clock = lambda: sum(self.slept)
        self.client._exchanges.chance = lambda: 0.5

    def reply(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        found = self.replies.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], None]:
    running: list[Script] = []
    monkeypatch.setattr("time.sleep", lambda seconds: running[-1].slept.append(seconds))
    return running.append


@pytest.fixture
def script(no_sleep: Callable[[Script], None]) -> Callable[..., Script]:
    def made(*replies: Reply, **options: Any) -> Script:
        one = Script(*replies, **options)
        no_sleep(one)
        return one

    return made


def test_nothing_of_the_server_is_imported() -> None:
    heavy = [
        "fastapi",
        "starlette",
        "uvicorn",
        "pydantic",
        "onnxruntime",
        "hnswlib",
        "numpy",
        "index",
        "export",
    ]
    code = (
        "import sys; from service.client import Client, AsyncClient;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


DECLARED = [
    *((schemas, results, name) for name in vars(results)),
    *((suggest, results, name) for name in ("Suggestion", "SuggestAnswer")),
    (batch, results, "BatchAnswer"),
    (embed, results, "EmbedAnswer"),
    (event_schemas, event_calls, "Accepted"),
    *((product_schemas, product_results, name) for name in vars(product_results)),
    *((operation_schemas, operation_results, name) for name in vars(operation_results)),
]
PAIRS = [
    pytest.param(getattr(declared, name), getattr(ours, name), id=name)
    for declared, ours, name in DECLARED
    if isinstance(getattr(declared, name, None), type)
    and issubclass(getattr(declared, name), BaseModel)
]


@pytest.mark.parametrize(("declared", "ours"), PAIRS)
def test_results_are_what_the_service_declares(declared: type[BaseModel], ours: type) -> None:
    theirs = {
        info.alias or name: info.is_required() for name, info in declared.model_fields.items()
    }
    found = {
        field.name.rstrip("_"): field.default is MISSING and field.default_factory is MISSING
        for field in fields(ours)
    }
    assert found.keys() == theirs.keys()
    assert {name for name, needed in found.items() if needed} <= {
        name for name, needed in theirs.items() if needed
    }


def test_every_declared_answer_has_its_result() -> None:
    ids = {pair.id for pair in PAIRS}
    assert ids >= {"SearchAnswer", "SuggestAnswer", "BatchAnswer", "EmbedAnswer", "Info", "Indexes"}
    assert ids >= {"OneProduct", "ChangedProduct", "BulkStatus", "Accepted"}


def test_every_operation_has_its_method() -> None:
    operations = {
        f"{method.upper()} {path}"
        for path, methods in create_app(Settings()).openapi()["paths"].items()
        for method in methods
    }
    asked = {
        "POST /v1/search",
        "POST /v1/search:batch",
        "GET /v1/suggest",
        "POST /v1/embed",
        "GET /v1/products/{id}",
        "PATCH /v1/products/{id}",
        "DELETE /v1/products/{id}",
        "POST /v1/products",
        "POST /v1/events",
        "GET /v1/indexes",
        "POST /v1/indexes/{version}:publish",
        "POST /v1/indexes:rollback",
        "GET /livez",
        "GET /readyz",
        "GET /healthz",
        "GET /info",
        "GET /metrics",
    }
    # The same by query string; pages for people.
    others = {"GET /v1/search", "GET /", "GET /workbench"}
    assert operations - others == asked


def test_every_search_parameter_can_be_said() -> None:
    from service.client.calls import SearchOptions

    assert {"q", *SearchOptions.__annotations__} == set(SearchParameters.model_fields)


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in vars(kind).items()
            if inspect.isfunction(member) and not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)
    assert "search" in methods(Client)


def test_what_is_sent(script: Callable[..., Script]) -> None:
    one = script(good(), good(PUBLISHED))
    one.client.under("order-7", "00-" + "a" * 32 + "-" + "b" * 16 + "-01").live()
    one.client.publish("a/b c")
    first, second = one.seen
    assert first.headers["authorization"] == "Bearer secret"
    assert first.headers["x-request-id"] == "order-7"
    assert first.headers["traceparent"].startswith("00-aaaa")
    assert "x-request-id" not in second.headers
    assert second.url.raw_path == b"/v1/indexes/a%2Fb%20c:publish"
    assert "secret" not in repr(one.client.options)


def test_a_refusal_carries_its_problem(script: Callable[..., Script]) -> None:
    with pytest.raises(Conflict) as refused:
        script(problem(409, "index_refused")).client.publish("two")
    found = refused.value.problem
    assert (found.status, found.code, found.request_id) == (409, "index_refused", "r1")
    assert found.errors[0].pointer == "#/q"
    assert "POST /v1/indexes/two:publish" in str(refused.value)
    with pytest.raises(KeyRefused):
        script(problem(401, "unauthorized")).client.indexes()


def test_what_a_proxy_says_is_no_problem_of_ours(script: Callable[..., Script]) -> None:
    for reply in (
        httpx.Response(502, text="<h1>Bad Gateway</h1>"),
        httpx.Response(302, headers={"Location": "/"}),
        httpx.Response(200, text="<h1>Hello</h1>"),
        httpx.Response(500, content=b"[]", headers={"Content-Type": "application/problem+json"}),
    ):
        with pytest.raises(BadAnswer):
            script(reply).client.live()


def test_waits_as_long_as_it_is_asked_to(script: Callable[..., Script]) -> None:
    one = script(busy("3"), busy("4"), good())
    assert one.client.live().status == "ok"
    assert one.slept[0] == pytest.approx(3.05)  # half of the first pause on top
    assert one.slept[1] == pytest.approx(4.1)


def test_gives_up_when_its_time_is_not_enough(script: Callable[..., Script]) -> None:
    one = script(busy("3"), busy("60"))
    with pytest.raises(TooBusy) as refused:
        one.client.live()
    assert refused.value.problem.retry_after == 60
    assert len(one.seen) == 2


def test_gives_up_after_so_many_attempts(script: Callable[..., Script]) -> None:
    one = script(*(problem(503, "not_ready") for _ in range(9)))
    with pytest.raises(Unavailable):
        one.client.ready()
    assert len(one.seen) == 3
    never = script(busy(), retries=NEVER)
    with pytest.raises(TooBusy):
        never.client.live()
    assert never.slept == []


def test_a_client_tries_only_a_share_of_its_calls_again(script: Callable[..., Script]) -> None:
    one = script(*(busy("0") for _ in range(500)))
    for _ in range(100):
        with pytest.raises(TooBusy):
            one.client.live()
    assert 100 + 10 <= len(one.seen) <= 100 + 20  # the reserve, then a tenth


CUT = httpx.ReadError("cut off")
UNREACHED = httpx.ConnectError("refused")


def test_a_write_that_may_have_been_done_is_not_repeated(script: Callable[..., Script]) -> None:
    cut = script(CUT, good(PUBLISHED))
    with pytest.raises(NoAnswer):
        cut.client.rollback()
    assert len(cut.seen) == 1
    gateway = script(problem(503, "unavailable"), good(PUBLISHED))
    with pytest.raises(Unavailable):
        gateway.client.rollback()
    assert len(gateway.seen) == 1


def test_a_write_that_cannot_have_been_done_is(script: Callable[..., Script]) -> None:
    one = script(UNREACHED, busy("0"), good(PUBLISHED))
    assert one.client.rollback().serving == "two"
    lost = script(*[UNREACHED] * 3)
    with pytest.raises(NotSent):
        lost.client.rollback()


def test_a_read_is_repeated(script: Callable[..., Script]) -> None:
    one = script(CUT, UNREACHED, good())
    assert one.client.live().status == "ok"


def test_a_wrong_request_is_not_sent_again(script: Callable[..., Script]) -> None:
    one = script(problem(422, "invalid_parameter"))
    with pytest.raises(ProblemError):
        one.client.search("tea", limit=0)
    assert len(one.seen) == 1


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
    assert retry_after("Fri, 20 Nov 2026 12:00:30 GMT", now) == 30
    assert retry_after("Fri, 20 Nov 2026 11:00:00 GMT", now) == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None


def page(version: str, offset: int, hits: int, limit: int = 2) -> httpx.Response:
    stamp = {"version": version, "encoder": "e", "calibration": "c"}
    found = [
        {"id": f"p{offset + n}", "rank": offset + n + 1, "relevance": 1, "tier": "exact"}
        for n in range(hits)
    ]
    return good(
        {
            "request_id": "r",
            "query_id": "q",
            "query": {"raw": "", "normalized": "", "corrections": [], "dropped_terms": 0},
            "hits": [{**hit, "fields": {}} for hit in found],
            "total": {"value": 3, "relation": "eq"},
            "tier_counts": {},
            "no_confident_match": False,
            "facets": {},
            "facet_stats": {},
            "page": {"limit": limit, "offset": offset},
            "index": stamp,
            "timing_ms": {},
            "plan": {},
            "degraded": [],
            "of_a_later_version": 1,
        }
    )


def test_hits_over_pages(script: Callable[..., Script]) -> None:
    one = script(page("v", 0, 2), page("v", 2, 1))
    assert [hit.id for hit in one.client.hits("tea", limit=2)] == ["p0", "p1", "p2"]
    assert [json.loads(request.content)["offset"] for request in one.seen] == [0, 2]


def test_pages_end_at_the_window(script: Callable[..., Script]) -> None:
    one = script(page("v", 0, 2), page("v", 2, 1, limit=1))
    assert len(list(one.client.pages("tea", limit=2, window=3))) == 2
    assert json.loads(one.seen[1].content)["limit"] == 1


def test_pages_are_of_one_version(script: Callable[..., Script]) -> None:
    one = script(page("v", 0, 2), page("w", 2, 1))
    with pytest.raises(IndexChanged):
        list(one.client.hits("tea", limit=2))


def test_a_problem_stands_in_the_place_of_a_batched_search(script: Callable[..., Script]) -> None:
    answer, refused = page("v", 0, 1).json(), problem(422, "invalid_query").json()
    body = {"request_id": "r", "results": [answer, refused], "timing_ms": {}}
    one = script(good({**body, "index": answer["index"]}))
    first, second = one.client.batch([{"q": "tea"}, {"q": "", "limit": 3}], timeout_ms=50).results
    assert isinstance(first, results.SearchAnswer)
    assert isinstance(second, Problem)
    assert (second.code, second.retry_after) == ("invalid_query", None)
    sent = json.loads(one.seen[0].content)
    assert sent == {"searches": [{"q": "tea"}, {"q": "", "limit": 3}], "timeout_ms": 50}


def status(line: int, **more: object) -> bytes:
    # With a character that ends a line for some readers, unescaped in JSON.
    found = {"line": line, "id": f"p\u2028{line}", "outcome": "added", **more}
    return json.dumps(found, ensure_ascii=False).encode() + b"\n"


def test_many_changes_go_out_in_bounded_bodies(script: Callable[..., Script]) -> None:
    changes = [Put({"id": "a", "title": "Ä"}), Patch("b", {"price": None}), Delete("c")]
    one = script(
        httpx.Response(200, content=status(1) + status(2)),
        httpx.Response(200, content=status(1, outcome="invalid", errors=[])),
    )
    found = list(one.client.bulk(iter(changes), lines=2))
    assert [each.line for each in found] == [1, 2, 3]
    assert found[2].outcome == "invalid"
    assert found[0].id == "p\u20281"
    sent = b"".join(request.content for request in one.seen).decode().splitlines()
    assert [json.loads(line) for line in sent] == [
        {"put": {"id": "a", "title": "Ä"}},
        {"patch": {"id": "b", "price": None}},
        {"delete": "c"},
    ]
    assert [request.headers["content-type"] for request in one.seen] == ["application/x-ndjson"] * 2


def test_a_body_is_bounded_in_bytes_too() -> None:
    changes = [Put({"id": str(number), "title": "x" * 50}) for number in range(100)]
    bodies = list(product_calls.bodies(changes, most_lines=1000, most_bytes=1000))
    assert all(len(body.data) <= 1000 for body in bodies)
    assert [body.before for body in bodies] == [
        sum(body.lines for body in bodies[:at]) for at in range(len(bodies))
    ]
    assert b"".join(body.data for body in bodies).count(b"\n") == 100
    assert list(product_calls.bodies([], 10, 10)) == []


def test_statuses_come_in_any_pieces() -> None:
    body = product_calls.Body(b"", lines=3, before=10)
    whole = status(1) + status(2) + status(3)
    for size in (1, 7, len(whole)):
        statuses = product_calls.Statuses(body)
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert [each.line for piece in pieces for each in statuses.of(piece)] == [11, 12, 13]
        statuses.check()
    with pytest.raises(BadAnswer):
        list(product_calls.Statuses(body).of(b"[]\n"))


def test_lines_without_a_status_are_no_success(script: Callable[..., Script]) -> None:
    one = script(httpx.Response(200, content=status(1)))
    found = one.client.bulk([Delete("a"), Delete("b")])
    assert next(found).line == 1
    with pytest.raises(NoAnswer, match="expected 2 statuses, found 1"):
        next(found)


def test_an_event_is_what_the_service_takes(script: Callable[..., Script]) -> None:
    one = script(page("v", 0, 1), httpx.Response(202, json={"request_id": "r", "accepted": 2}))
    answer = one.client.search("tea")
    when = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    click = event_calls.Event.of("click", answer, answer.hits[0], client_id="d7", timestamp=when)
    dwell = event_calls.Event("dwell", "q", "p9", dwell_time=2.5)
    assert one.client.events([click, dwell]).accepted == 2
    sent = json.loads(one.seen[1].content)
    for body in sent:
        event_schemas.Event.model_validate(body)
    assert sent[0]["event_attributes"]["position"] == {"ordinal": 1}
    lost = script(CUT, httpx.Response(202, json={"request_id": "r", "accepted": 1}))
    with pytest.raises(NoAnswer):
        lost.client.events([dwell])


def test_a_refused_bulk_carries_its_problem(script: Callable[..., Script]) -> None:
    with pytest.raises(KeyRefused):
        list(script(problem(403, "admin_closed")).client.bulk([Delete("a")]))
    again = script(busy("0"), httpx.Response(200, content=status(1)))
    assert len(list(again.client.bulk([Delete("a")]))) == 1


def test_a_missing_or_wrong_member_is_named() -> None:
    stamp = {"version": "v", "encoder": "e"}
    with pytest.raises(BadAnswer, match=r"#/calibration"):
        decode(results.IndexStamp, stamp)
    with pytest.raises(BadAnswer, match=r"#/version.*expected str, found int"):
        decode(results.IndexStamp, {**stamp, "version": 1, "calibration": "c"})
    with pytest.raises(BadAnswer, match=r"#/count"):
        decode(results.FacetValue, {"value": "x", "count": True})
    assert decode(results.FacetValue, {"value": True, "count": 1}).value is True
    assert decode(results.Correction, {"from": "a", "to": "b"}).from_ == "a"


def test_every_error_is_of_one_tree() -> None:
    from catalog.errors import GradusError
    from service.client import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = [kind for kind in kinds if issubclass(kind, Exception) and kind is not GradusError]
    assert len(raised) > 8
    assert all(issubclass(kind, ClientError) and kind.__doc__ for kind in raised)
    drawn = errors.__doc__ or ""
    assert all(kind.__name__ in drawn for kind in raised)

"""What the protocol said of a request holds in the application; every place is given back."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from service.admission import Admission
from service.observer import Observer
from service.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, then answers."""
    await receive()
    await answers(scope, receive, send)


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without a look at the body."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def status(app: Any, admission: Admission, state: dict[str, Any], **headers: str) -> int:
    """The status of a POST with a body."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    lines = [(b"content-length", b"2")]
    lines += [
        (b"content-encoding", value.encode())
        for name, values in headers.items()
        for value in values.split("+")
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/search",
        "headers": lines,
        "query_string": b"",
        "state": state,
    }
    await Observer(app, Settings(), admission)(scope, receive, send)
    found: int = sent[0]["status"]
    return found


@pytest.mark.parametrize("app", [reads, answers])
async def test_a_place_that_the_protocol_took_is_given_back(app: Any) -> None:
    admission, state = Admission(1, 0.005), {"admitted": True}
    assert admission.enter()
    assert await status(app, admission, state) == 200
    assert admission.pending == 0
    assert "answered" in state  # so that nothing is taken on for it any more


async def test_what_the_protocol_refused_is_refused() -> None:
    admission = Admission(8, 0.005)
    assert await status(reads, admission, {"admitted": False}) == 429
    assert admission.pending == 0


async def test_without_a_word_of_the_protocol_the_request_is_taken_on_here() -> None:
    admission = Admission(1, 0.005)
    assert await status(reads, admission, {}) == 200
    assert admission.pending == 0
    assert admission.enter()
    assert await status(reads, admission, {}) == 429
    assert admission.pending == 1


@pytest.mark.parametrize(
    ("codings", "found"),
    [("gzip", 415), ("identity", 200), ("identity, Identity", 200), ("gzip+identity", 415)],
)
async def test_every_line_of_codings_counts(codings: str, found: int) -> None:
    assert await status(reads, Admission(8, 0.005), {}, coding=codings) == found

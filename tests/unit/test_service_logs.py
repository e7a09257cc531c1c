from __future__ import annotations

import inspect
import json
import logging
import sys

import pytest
from uvicorn.protocols.http import httptools_impl

from service import logs
from service.logs import JsonFormatter


def record(message: str, *, failed: bool = False, **fields: object) -> logging.LogRecord:
    caught = None
    if failed:
        try:
            raise ValueError("broken\nin two lines")
        except ValueError:
            caught = sys.exc_info()
    made = logging.LogRecord("gradus.test", logging.INFO, "f.py", 1, message, (), caught)
    made.fields = fields
    return made


def test_line_is_one_json_object() -> None:
    line = JsonFormatter().format(record("two\nlines", status=200, q="é\u0000"))
    assert "\n" not in line
    body = json.loads(line)
    assert (body["message"], body["status"], body["q"]) == ("two\nlines", 200, "é\u0000")
    assert body["time"].endswith("Z")


def test_traceback_stays_within_the_line() -> None:
    line = JsonFormatter().format(record("failed", failed=True))
    assert "\n" not in line
    assert "ValueError: broken" in json.loads(line)["traceback"]


def test_a_client_that_has_gone_is_no_error_of_the_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(server, "filters", [])
    said = "ASGI callable returned without starting response."
    assert f'"{said}"' in inspect.getsource(httptools_impl)  # still its words
    levels = root.level, logging.getLogger("uvicorn").level
    try:
        logs.configure("info")
        logs.configure("info")
        server.error(said)
        server.error("ASGI callable returned without completing response.")
    finally:
        root.setLevel(levels[0])
        logging.getLogger("uvicorn").setLevel(levels[1])
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["message"].endswith("without completing response.")
    assert len(server.filters) == 1

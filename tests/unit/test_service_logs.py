from __future__ import annotations

import json
import logging
import sys

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

"""Logs: one JSON object a line on standard output, an access line for each request."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import traceback
from contextlib import suppress
from typing import Any

import orjson

access = logging.getLogger("gradus.access")
service = logging.getLogger("gradus.service")


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; whatever `extra={"fields": {...}}` holds joins it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": _stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return orjson.dumps(line, default=str).decode()


def configure(level: str) -> None:
    """Send every log of the process to standard output as JSON, from `level` upwards."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # uvicorn tells of every start and stop of a process; the service says what matters itself.
    logging.getLogger("uvicorn").setLevel("WARNING" if level == "info" else level.upper())
    logging.getLogger("uvicorn.error").addFilter(_is_not_for_nobody)


def _is_not_for_nobody(record: logging.LogRecord) -> bool:
    """Leaves out what uvicorn says of a request without an answer.

    The client has gone: the access line says 499, and a counter counts it.
    """
    return record.msg != "ASGI callable returned without starting response."


def _stamp(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


class Refusals:
    """Counts refused searches and writes one line a second: a line each would be work itself."""

    def __init__(self) -> None:
        self._count, self._said = 0, float("-inf")

    def add(self) -> None:
        """One more."""
        self._count += 1
        if time.monotonic() - self._said >= 1.0:
            self.tell()
        elif self._count == 1:  # the last ones of a burst are told once the second is over
            with suppress(RuntimeError):  # there is no loop
                asyncio.get_running_loop().call_later(1.0, self.tell)

    def tell(self) -> None:
        """Write the line, if anything was refused since the last one."""
        if self._count:
            fields = {"refused": self._count}
            service.warning("searches are refused: too busy", extra={"fields": fields})
            self._count, self._said = 0, time.monotonic()


refusals = Refusals()

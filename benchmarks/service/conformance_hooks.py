"""What schemathesis is told of NDJSON; named by SCHEMATHESIS_HOOKS in `conformance.py`."""

from __future__ import annotations

import json
from typing import Any

import schemathesis

NDJSON = "application/x-ndjson"


@schemathesis.serializer(NDJSON)
def lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """A text is taken as lines already; a list is written item by item."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    items = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


@schemathesis.deserializer(NDJSON)
def last_line(context: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """The document describes one line; the last one tells whether the answer is whole.

    An answer without lines stands for a request without any.
    """
    found = [json.loads(line) for line in response.content.split(b"\n") if line]
    return found[-1] if found else {"line": 1, "id": "", "outcome": "unchanged"}

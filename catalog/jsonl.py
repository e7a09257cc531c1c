"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from catalog.files import MAX_LINE, numbered_lines
from catalog.issues import Reporter

Record = dict[str, Any]


def read_jsonl(report: Reporter) -> Iterator[tuple[int, Record]]:
    """Yield (line number, object); report lines that hold none, pass over blank ones."""
    first = True
    for number, line in numbered_lines(report):
        if line is None:
            report.skip("broken line", number, f"the line is longer than {MAX_LINE:,} bytes")
            continue
        line = line.strip()
        if not line:
            continue
        if first:
            _refuse_one_document(line, report)
            first = False
        record = _parse(number, line, report)
        if record is not None:
            yield number, record


def _refuse_one_document(line: bytes, report: Reporter) -> None:
    # Otherwise a JSON file of one array would be reported line by line, thousands of times.
    if line.startswith(b"[") or line == b"{":
        report.refuse(
            "this is one JSON document over many lines",
            expected="one JSON object on each line",
            found=line[:20].decode("utf-8", "replace"),
            hint="Convert it: jq -c '.[]' FILE > NEW.jsonl.",
        )


def _parse(number: int, line: bytes, report: Reporter) -> Record | None:
    try:
        value = _loads(line)
    except ValueError as error:
        report.skip("broken line", number, f"not JSON: {error}")
        return None
    if not isinstance(value, dict):
        report.skip("broken line", number, f"a JSON object is expected, not {_kind(value)}")
        return None
    return value


def _loads(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # Python's own json writes NaN, which JSON does not know: let the field be reported
        # instead of the whole line.
        if b"NaN" not in line and b"Infinity" not in line:
            raise
        value = json.loads(line.decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # refuses lone surrogates
        return value


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")

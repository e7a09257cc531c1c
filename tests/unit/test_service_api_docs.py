"""`docs/api.md` against the code, both ways: parameters, fields, answers, headers, what to type."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import BaseModel

from index.engine import Engine
from service.app import create_app
from service.batch import BatchParameters
from service.embed import EmbedParameters
from service.openapi_examples import examples
from service.parameters import SearchParameters
from service.settings import EncoderSettings, EventSettings, KeySettings, Settings
from service.suggest import SuggestParameters

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
DOCUMENT: dict[str, Any] = create_app(Settings()).openapi()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
ANSWERS = {
    "Search answer": ("/v1/search", "get"),
    "Batch answer": ("/v1/search:batch", "post"),
    "Suggest answer": ("/v1/suggest", "get"),
    "Embed answer": ("/v1/embed", "post"),
    "One product": ("/v1/products/{id}", "get"),
    "A changed product": ("/v1/products/{id}", "patch"),
    "A line of NDJSON": ("/v1/products", "post"),
    "Event answer": ("/v1/events", "post"),
    "List of versions": ("/v1/indexes", "get"),
    "A published version": ("/v1/indexes/{version}:publish", "post"),
    "Alive or ready": ("/readyz", "get"),
    "Health": ("/healthz", "get"),
    "Info": ("/info", "get"),
}
PARAMETERS: dict[str, type[BaseModel]] = {
    "Search parameters": SearchParameters,
    "Batch parameters": BatchParameters,
    "Suggest parameters": SuggestParameters,
    "Embed parameters": EmbedParameters,
}
KEY = "an admin key"


def table(heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its head."""
    after = re.split(rf"\n##+ {re.escape(heading)}\n", TEXT, maxsplit=1)[1]
    rows = after[after.index("\n|") + 1 :].split("\n\n", 1)[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return SCHEMAS[reference.rsplit("/", 1)[1]] if reference else schema


def choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [resolved(one) for one in schema.get("anyOf", [schema])]


def kind(schema: dict[str, Any]) -> str:
    def one(choice: dict[str, Any]) -> str:
        if "const" in choice:
            return f"`{choice['const']}`"
        if "enum" in choice:
            return ", ".join(f"`{value}`" for value in choice["enum"])
        name: str = choice.get("type", "any")
        return f"list of {kind(choice['items'])}" if name == "array" else name

    return " or ".join(one(choice) for choice in choices(schema))


def leaves(schema: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Name and type of each field that has no fields of its own."""
    for name, part in schema.get("properties", {}).items():
        inside = [leaf for choice in choices(part) for leaf in within(choice, f"{above}{name}")]
        yield from inside or [(f"{above}{name}", kind(part))]


def within(schema: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    if "code" in schema.get("properties", {}) or "hits" in schema.get("properties", {}):
        return  # answers and problems within a batch have tables of their own
    if "properties" in schema:
        yield from leaves(schema, f"{name}.")
    elif schema.get("type") == "array":
        for choice in choices(schema["items"]):
            yield from within(choice, f"{name}[]")
    elif isinstance(schema.get("additionalProperties"), dict):
        for choice in choices(schema["additionalProperties"]):
            yield from within(choice, f"{name}.*")


@pytest.mark.parametrize("heading", ANSWERS)
def test_fields_of_answers(heading: str) -> None:
    path, method = ANSWERS[heading]
    responses = DOCUMENT["paths"][path][method]["responses"]
    (good,) = (one for status, one in responses.items() if status.startswith("2"))
    kinds = [*good["content"].values()]
    schema = resolved(kinds[-1 if "NDJSON" in heading else 0]["schema"])
    listed = [(row[0].strip("`"), row[1]) for row in table(heading)]
    assert listed == list(leaves(schema))
    assert all(row[2] for row in table(heading))


def test_fields_of_problems() -> None:
    listed = [(row[0].strip("`"), row[1]) for row in table("Errors")]
    assert listed == list(leaves(SCHEMAS["ProblemAnswer"]))


def test_no_answer_is_left_out() -> None:
    def shape(path: str, method: str) -> str:
        responses = DOCUMENT["paths"][path][method]["responses"]
        (good,) = (one for status, one in responses.items() if status.startswith("2"))
        return str(good["content"].get("application/json", {}).get("schema", {}).get("$ref"))

    documented = {shape(*where) for where in ANSWERS.values()}
    served = {shape(path, one) for path, methods in DOCUMENT["paths"].items() for one in methods}
    assert served - documented == {"None"}  # the page and the metrics


@pytest.mark.parametrize("heading", PARAMETERS)
def test_parameters(heading: str) -> None:
    model, rows = PARAMETERS[heading], table(heading)
    assert [row[0].strip("`") for row in rows] == list(model.model_fields)
    for name, told, default, meaning in rows:
        field = model.model_fields[name.strip("`")]
        assert (default == "required") == field.is_required()
        if not field.is_required():
            value = list(field.default) if isinstance(field.default, tuple) else field.default
            assert json.loads(default.strip("`")) == value
        schema = model.model_json_schema()["properties"][name.strip("`")]
        bounds = [part for choice in choices(schema) for part in _bounds(choice)]
        assert re.findall(r", (\d+ to \d+|at most \d+ characters)", told) == bounds
        assert meaning


def _bounds(schema: dict[str, Any]) -> list[str]:
    found = [f"{schema['minimum']:g} to {schema['maximum']:g}"] if "maximum" in schema else []
    return [
        *found,
        *([f"at most {schema['maxLength']} characters"] if "maxLength" in schema else []),
    ]


def blocks(mark: str) -> dict[str, Any]:
    found = re.findall(rf"<!-- {mark} (\w+) -->\n\n```json\n(.*?)\n```", TEXT, re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def test_answers_shown_are_the_examples_of_openapi() -> None:
    answers, problems = blocks("answer"), blocks("problem")
    assert len(answers) == 12
    assert problems
    assert answers == {name: examples()["answers"][name] for name in answers}
    assert problems == {name: examples()["problems"][name] for name in problems}
    assert TEXT.count("```json") == len(answers) + len(problems)


def commands() -> list[list[str]]:
    scripts = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    lines = "".join(scripts).replace("\\\n", " ").splitlines()
    return [shlex.split(line.replace("$KEY", KEY)) for line in lines]


def asked(command: list[str], version: str) -> dict[str, Any]:
    """The request that a line of curl sends."""
    found: dict[str, Any] = {"headers": {}}
    words = iter(command[1:])
    for word in words:
        if word == "-X":
            found["method"] = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            found["headers"][name] = value
        elif word == "-d":
            found["content"] = next(words)
        elif word != "-i":
            found["url"] = word.replace("VERSION", version).replace("P0000001", "p001")
    return {"method": "POST" if "content" in found else "GET", **found}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_what_the_page_tells_to_type_is_answered(
    engine: Engine, built_index: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(built_index, root, symlinks=True)
    settings = Settings(
        index=root,
        keys=KeySettings(admin_sha256=(sha256(KEY.encode()).hexdigest(),)),
        events=EventSettings(path=tmp_path / "events"),
        encoder=EncoderSettings(max_wait_us=60_000_000),
    )
    app = create_app(settings, engine)
    routes = set()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client,
    ):
        for command in commands():
            assert command[0] == "curl"
            response = await client.request(**asked(command, engine.bundle.version))
            path = urlsplit(command_url(command)).path
            routes.add(path)
            # This index holds no encoder of its own to open, and there is none to go back to.
            refused = (404, 409) if path.endswith((":publish", ":rollback")) else ()
            assert response.is_success or response.status_code in refused, (command, response.text)
    named = {re.sub(r"\{\w+\}", "", path).rstrip("/") for path in DOCUMENT["paths"]} - {""}
    missing = {name for name in named if not any(route.startswith(name) for route in routes)}
    assert missing <= {"/v1/indexes/:publish", "/workbench"}


def command_url(command: list[str]) -> str:
    return next(word for word in command if word.startswith("http"))


def test_headers() -> None:
    listed = {name for row in table("Headers") for name in re.findall(r"`([\w-]+)`", row[0])}
    declared = {"Retry-After", *DOCUMENT["components"]["headers"], "If-None-Match", "X-API-Key"}
    assert declared <= listed
    sources = "\n".join(
        path.read_text() for path in (Path(__file__).parents[2] / "service").rglob("*.py")
    ).lower()
    assert not {name for name in listed if name.lower() not in sources}

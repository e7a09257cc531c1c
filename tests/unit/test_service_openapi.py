"""The OpenAPI document is valid, and its examples are answers that its own schemas allow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families

from service import protocol
from service.app import create_app
from service.metrics import HITS
from service.openapi_examples import examples
from service.problems import TITLES
from service.settings import LimitSettings, Settings

DOCUMENT: dict[str, Any] = create_app(Settings()).openapi()
OPERATIONS = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def allowed(schema: dict[str, Any], value: Any) -> bool:
    whole = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(whole).is_valid(value)


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)


def test_operation_ids_are_apart() -> None:
    names = [operation.values[2]["operationId"] for operation in OPERATIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_answer_has_an_example_that_is_one(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    (good,) = (answer for status, answer in operation["responses"].items() if status[0] == "2")
    content = good["content"].get("application/json")
    if path in ("/", "/workbench", "/metrics"):
        assert content is None
        (text,) = good["content"].values()
        assert text["example"].endswith("\n")
        return
    assert allowed(content["schema"], content["example"])
    assert not allowed(content["schema"], {"no": "such answer"})


def test_lines_of_ndjson_have_an_example_of_each_kind() -> None:
    answer = DOCUMENT["paths"]["/v1/products"]["post"]["responses"]["200"]
    lines = answer["content"]["application/x-ndjson"]
    outcomes = {"added", "replaced", "unchanged", "deleted", "not_found", "invalid"}
    assert set(lines["examples"]) == outcomes
    for outcome, example in lines["examples"].items():
        assert allowed(lines["schema"], example["value"])
        assert example["value"]["outcome"] == outcome


def test_the_example_of_the_metrics_is_what_they_look_like() -> None:
    answer = DOCUMENT["paths"]["/metrics"]["get"]["responses"]["200"]
    (text,) = answer["content"].values()
    (hits,) = text_string_to_metric_families(text["example"])
    assert f"# HELP gradus_hits_total {HITS._documentation}\n" in text["example"]
    assert [sample.labels["tier"] for sample in hits.samples] == ["exact", "substitute"]


def codes(path: str, method: str, status: str) -> set[str]:
    answer = DOCUMENT["paths"][path][method]["responses"][status]
    return set(answer["content"]["application/problem+json"]["examples"])


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_rates_bound_search_keys_alone(path: str, method: str, operation: dict[str, Any]) -> None:
    if "429" in operation["responses"]:
        closed = "403" in operation["responses"]
        assert codes(path, method, "429") == {"overloaded"} | (
            set() if closed else {"rate_limited"}
        )


@pytest.mark.parametrize(
    ("path", "method", "said"),
    [
        ("/v1/products", "post", "journal cannot be written"),
        ("/v1/products/{id}", "patch", "journal cannot be written"),
        ("/v1/products/{id}", "delete", "journal cannot be written"),
        ("/v1/products/{id}", "get", None),
        ("/v1/events", "post", "events cannot be written"),
        ("/v1/embed", "post", "encoder is out of order"),
        ("/v1/search", "get", None),
    ],
)
def test_what_cannot_be_done_is_said_as_the_route_says_it(
    path: str, method: str, said: str | None
) -> None:
    assert ("unavailable" in codes(path, method, "503")) is (said is not None)
    if said is not None:
        answer = DOCUMENT["paths"][path][method]["responses"]["503"]
        examples = answer["content"]["application/problem+json"]["examples"]
        assert said in examples["unavailable"]["value"]["detail"]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_error_has_examples_of_its_status(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            name = answer["$ref"].removeprefix("#/components/responses/")
            answer = DOCUMENT["components"]["responses"][name]
        if int(status) < 400:
            continue
        content = answer["content"]["application/problem+json"]
        assert content["examples"]
        for code, example in content["examples"].items():
            assert allowed(content["schema"], example["value"])
            assert example["value"]["code"] == code
            assert example["value"]["status"] == int(status)
            assert ("Retry-After" in answer.get("headers", {})) is (status in ("429", "503"))


def test_every_code_is_in_an_example() -> None:
    known = examples()["problems"]
    assert set(known) == set(TITLES)
    assert all(known[code]["title"] == title for code, title in TITLES.items())
    text = str(DOCUMENT)
    nowhere = {"not_found", "cors_refused"}  # of paths and methods that are not in the document
    missing = {code for code in TITLES if f"'code': '{code}'" not in text}
    assert missing == nowhere


def test_what_the_protocol_says_is_what_the_examples_say() -> None:
    for problem in (
        protocol._MALFORMED,
        protocol._SLOW,
        protocol._TARGET,
        protocol._HEADERS,
        protocol._CROWDED,
    ):
        assert examples()["problems"][problem.code]["detail"] == problem.detail


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_keys_are_declared_where_they_are_asked_for(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    admin = path.startswith("/v1/indexes") or (path.startswith("/v1/products") and method != "get")
    schemes = [name for way in operation.get("security", []) for name in way]
    assert all(re.match("admin" if admin else "search", name) for name in schemes)
    assert len(schemes) == (2 if path.startswith("/v1/") else 0)
    assert ("403" in operation["responses"]) is admin
    assert ("401" in operation["responses"]) is path.startswith("/v1/")
    assert ({} in operation.get("security", [])) is (bool(schemes) and not admin)
    assert set(schemes) <= set(DOCUMENT["components"]["securitySchemes"])


@pytest.mark.parametrize("path", ["/v1/search", "/v1/suggest"])
def test_what_may_be_kept_says_so(path: str) -> None:
    answers = DOCUMENT["paths"][path]["get"]["responses"]
    assert {"ETag", "Cache-Control"} <= answers["200"]["headers"].keys()
    assert "content" not in answers["304"]
    assert "If-None-Match" in [one["name"] for one in DOCUMENT["paths"][path]["get"]["parameters"]]


def test_bounds_are_those_of_the_settings() -> None:
    document = create_app(Settings(limits=LimitSettings(batch=7, embed=9))).openapi()
    for path, name, most in (("/v1/search:batch", "searches", 7), ("/v1/embed", "texts", 9)):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert body["schema"]["properties"][name]["maxItems"] == most
    # As documented elsewhere: one document does not change another.
    other = DOCUMENT["paths"]["/v1/embed"]["post"]["requestBody"]["content"]["application/json"]
    assert other["schema"]["properties"]["texts"]["maxItems"] == 64

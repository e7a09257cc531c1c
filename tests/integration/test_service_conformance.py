"""A small run of schemathesis against a started service; the long one is in benchmarks/service.

Every operation of the OpenAPI document is asked with made-up values, and every answer held against
what the document says of it.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as _registered  # noqa: F401

from index.versions import publish, resolve
from service.client import Client, Retries
from service.client.options import Options

KEY = "admin key"
HEADERS = {"Authorization": f"Bearer {KEY}"}
WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
FEW = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def url(served_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a service over a root of two versions, which may be written to."""
    root = tmp_path_factory.mktemp("conformance") / "root"
    for name in ("one", "two"):
        shutil.copytree(resolve(served_index), root / "versions" / name)
        publish(root, name)
    digest = sha256(KEY.encode()).hexdigest()
    command = [sys.executable, "-m", "gradus", "serve", "--port", "0", "--index", str(root)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GRADUS_")}
    more = {"GRADUS_KEYS__ADMIN_SHA256": f'["{digest}"]', "GRADUS_LIMITS__QUEUE_MS": "1000"}
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**plain, **more},
    ) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            address = next(
                found[0] for line in lines if (found := re.findall(r"http://[\d.:]+", line))
            )
            patient = Retries(attempts=300, budget_seconds=60.0, longest_pause=0.1, reserve=300.0)
            with Client(Options(address, retries=patient)) as client:
                client.ready()
            yield address
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def document(url: str) -> dict[str, Any]:
    schema: dict[str, Any] = schemathesis.openapi.from_url(f"{url}/openapi.json").raw_schema
    return schema


def ask(url: str, document: dict[str, Any], only: str = "") -> list[str]:
    """Ask every operation a few times; the labels of those that were asked."""
    schema = schemathesis.openapi.from_dict(document)
    asked = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if only in ("", operation.label):
            _ask(url, operation)
            asked.append(operation.label)
    return asked


def _ask(url: str, operation: Any) -> None:
    checks: list[Any] = CHECKS.get_by_names(WANTED)

    @FEW
    @given(case=operation.as_strategy())
    def one(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=url, headers=HEADERS, checks=checks, timeout=30)

    one()


def test_every_answer_is_as_documented(url: str, document: dict[str, Any]) -> None:
    asked = ask(url, document)
    paths = document["paths"]
    assert len(asked) == sum(len(operations) for operations in paths.values()) > 8


def test_what_is_not_documented_is_found(url: str, document: dict[str, Any]) -> None:
    status = copy.deepcopy(document)
    del status["paths"]["/livez"]["get"]["responses"]["200"]
    shape = copy.deepcopy(document)
    shape["components"]["schemas"]["Live"]["properties"]["status"]["const"] = "fine"
    for broken in (status, shape):
        with pytest.raises(FailureGroup):
            ask(url, broken, only="GET /livez")

"""Every example of `docs/client.md`, run against a service of its own."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from index.versions import publish, resolve

TEXT = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
ADDRESS, KEY = "http://127.0.0.1:8080", "admin key"


@pytest.fixture
def url(served_index: Path, tmp_path: Path) -> Iterator[str]:
    root = tmp_path / "root"
    for name in ("one", "two"):
        shutil.copytree(resolve(served_index), root / "versions" / name)
        publish(root, name)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GRADUS_")}
    more = {
        "GRADUS_KEYS__ADMIN_SHA256": f'["{sha256(KEY.encode()).hexdigest()}"]',
        "GRADUS_EVENTS__PATH": str(tmp_path / "events"),
        "GRADUS_ENCODER__MAX_WAIT_US": "60000000",
        "GRADUS_LIMITS__TIMEOUT_MS": "60000",
    }
    command = [sys.executable, "-m", "gradus", "serve", "--port", "0", "--index", str(root)]
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
            yield next(found[0] for line in lines if (found := re.findall(r"http://[\d.:]+", line)))
        finally:
            process.terminate()


def test_every_example_runs(url: str) -> None:
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with redirect_stdout(printed):
        for example in EXAMPLES:
            code = example.replace(ADDRESS, url).replace('api_key="..."', f'api_key="{KEY}"')
            exec(compile(code, "docs/client.md", "exec", dont_inherit=True), names)
    names["shop"].close()
    lines = printed.getvalue().splitlines()
    assert any(re.match(r"1 \w+ \d\.\d\d \S.*kettle", line) for line in lines)
    for expected in ("422 invalid_query order-4711", "1 invalid_parameter", "34.9", "two one"):
        assert expected in lines
    assert any("accepted=" in line for line in lines)
    assert names["titles"]
    assert "sku-3 deleted" in lines

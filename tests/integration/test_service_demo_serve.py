"""The last act of `gradus demo`: serve, show an answer, stop when told, leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

REPOSITORY = Path(__file__).parents[2]
QUERIES = "query\tfrequency\tkind\nred kettle\t9\ttype\noat milk\t3\ttype\n"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        found: int = free.getsockname()[1]
        return found


@pytest.fixture
def made(tmp_path: Path, served_index: Path) -> Path:
    """A demo's directory after all its steps."""
    (tmp_path / "index").symlink_to(served_index)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "queries_heldout.tsv").write_text(QUERIES)
    return tmp_path


@contextmanager
def started(out: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    # Whoever starts the tests in the background makes them, and this child, deaf to SIGINT.
    script = (
        "import signal, sys, service.demo as d; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"sys.exit(d._serve(d.Path({str(out)!r}), {port}))"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GRADUS_")}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**plain, "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:  # the test failed: no service is left behind
                process.terminate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_shows_an_answer_and_stops(made: Path, port: int, how: signal.Signals) -> None:
    with started(made, port) as process:
        assert process.stdout is not None
        shown = ""
        while "or open" not in shown:
            line = process.stdout.readline()
            assert line, process.communicate()
            shown += line
        (url,) = re.findall(r"curl '?(http[^'\s]+)", shown)
        with urlopen(url) as response:
            answer = json.load(response)
        for hit in answer["hits"]:
            assert f"{hit['rank']}. {hit['tier']}" in shown
            assert hit["fields"]["title"] in shown
        process.send_signal(how)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert "Traceback" not in err
    with pytest.raises(URLError):
        urlopen(f"http://127.0.0.1:{port}/livez")


def test_service_that_cannot_start_ends_the_demo(made: Path, port: int) -> None:
    (made / "index").unlink()
    with started(made, port) as process:
        _, err = process.communicate(timeout=20)
        assert process.returncode == 1
        assert "there is no index here" in err
        assert "the service stopped while it started" in err

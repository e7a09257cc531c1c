"""`gradus serve` as an operator meets it: processes, signals, ports, broken indexes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from catalog.errors import GradusError, ServingError
from index.versions import publish
from service import preflight
from service.afterwards import SECONDS
from service.schemas import ProblemAnswer, SearchAnswer
from service.settings import EventSettings, Settings

GRADUS = [sys.executable, "-m", "gradus"]
REPOSITORY = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GRADUS_")}
    return {**plain, "OMP_NUM_THREADS": "1", **more}


def finished(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GRADUS, "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
        env=environment(**more),
    )


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        [*GRADUS, "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment(),
    )
    assert process.stderr is not None
    try:
        url = ""
        while not url:
            line = process.stderr.readline()
            assert line, "ended before it listened"
            url = (re.findall(r"listening on (\S+)", line) or [""])[0]
        wait_ready(url, process)
        yield url, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


def wait_ready(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            get(f"{url}/readyz")
        except (OSError, HTTPError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError("never ready")


def get(url: str, **headers: str) -> bytes:
    # A connection each: that is what spreads requests over the workers.
    with urlopen(Request(url, headers={"Connection": "close", **headers}), timeout=10) as response:
        body: bytes = response.read()
        return body


def test_serves_alone_and_ends_on_term(served_index: Path) -> None:
    with serving("--index", str(served_index)) as (url, process):
        answer = SearchAnswer.model_validate_json(get(f"{url}/v1/search?q=red+kettle"))
        assert answer.hits
        assert refusal(f"{url}/v1/search?q={'x' * 60_000}")[:2] == (422, "invalid_parameter")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in out + err
    lines = [json.loads(line) for line in out.splitlines()]
    searches = [line for line in lines if line.get("route") == "/v1/search"]
    assert [line["status"] for line in searches] == [200, 422]
    assert not any("kettle" in json.dumps(line) for line in lines)


def refusal(url: str, **headers: str) -> tuple[int, str]:
    """Status and code of a refused request; its shape is checked on the way."""
    with pytest.raises(HTTPError) as refused:
        get(url, **headers)
    with refused.value as response:
        assert response.headers["content-type"] == "application/problem+json"
        problem = ProblemAnswer.model_validate_json(response.read())
        assert problem.request_id == response.headers["x-request-id"]
        assert problem.status == response.status
        return problem.status, problem.code


def test_heads_without_end_are_refused_in_the_same_shape(served_index: Path) -> None:
    with serving("--index", str(served_index)) as (url, process):
        assert refusal(f"{url}/v1/search?q={'x' * 100_000}") == (414, "uri_too_long")
        assert refusal(f"{url}/livez", Cookie="x" * 100_000) == (431, "headers_too_large")
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(b"\x16\x03\x01 what is this\r\n\r\n")
            answer = raw.makefile("rb").read()
        head, body = answer.split(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert ProblemAnswer.model_validate_json(body).code == "malformed_request"
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nCookie: ")  # a header that never ends
            with contextlib.suppress(ConnectionError):
                for _ in range(100):
                    raw.sendall(b"x" * 10_000)
        refused = re.findall(
            r'requests_total\{method="(.+)",route="(.+)",status="(4\d\d)"\} 1.0',
            get(f"{url}/metrics").decode(),
        )
        assert sorted(refused) == [
            ("GET", "/", "431"),
            ("GET", "/livez", "431"),
            ("GET", "/v1/search", "414"),
            ("other", "unmatched", "400"),
        ]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in out + err


def test_two_workers_count_together(served_index: Path) -> None:
    with serving("--index", str(served_index), "--workers", "2") as (url, process):
        for _ in range(30):
            get(f"{url}/v1/search?q=kettle")
        time.sleep(5 * SECONDS)  # what one worker counts the other shows a moment later
        counts = set()
        for _ in range(6):  # whichever worker answers
            text = get(f"{url}/metrics").decode()
            sample = r'gradus_http_requests_total\{.*route="/v1/search",status="200"\} (\S+)'
            counts |= set(re.findall(sample, text))
            assert re.search(r"^gradus_index_products 120.0$", text, re.MULTILINE)
            assert not re.search(r"gradus_index_info\{.*pid=", text)
        assert counts == {"30.0"}
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("frozen", [False, True])
def test_worker_that_dies_is_replaced(served_index: Path, frozen: bool) -> None:
    with serving("--index", str(served_index), "--workers", "2") as (url, process):
        (victim, *_) = children(process.pid)
        if frozen:
            os.kill(victim, signal.SIGSTOP)
            time.sleep(1)  # the supervisor now waits for its answer to a ping
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while victim in children(process.pid) or len(children(process.pid)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert get(f"{url}/readyz")


def test_worker_that_replaces_another_hashes_what_it_opens(
    served_index: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    for name in ("good", "bad"):
        shutil.copytree((served_index / "current").resolve(), root / "versions" / name)
    publish(root, "good")
    with serving("--index", str(root), "--workers", "2") as (url, process):
        damaged = root / "versions" / "bad" / "vectors.npy"
        damaged.write_bytes(damaged.read_bytes()[:-64] + bytes(64))
        publish(root, "bad")
        before = children(process.pid)
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while len({*children(process.pid)} - {before[0]}) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (fresh,) = {*children(process.pid)} - {*before}
        os.kill(before[1], signal.SIGSTOP)  # so that it is the new one that answers
        try:
            while True:
                try:
                    answer = SearchAnswer.model_validate_json(get(f"{url}/v1/search?q=kettle"))
                    break
                except OSError:
                    assert time.monotonic() < deadline
        finally:
            os.kill(before[1], signal.SIGCONT)
        assert (fresh != before[1], answer.index.version) == (True, "good")


@pytest.mark.parametrize("after", [0.0, 0.3])
def test_ctrl_c_while_workers_start_is_quiet(served_index: Path, after: float) -> None:
    # Whoever starts the tests in the background makes them, and this child, deaf to SIGINT.
    script = (
        "import signal, sys, gradus; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "sys.argv[1:] = ['serve', '--port', '0', '--workers', '2']; "
        f"sys.argv += ['--index', {str(served_index)!r}]; "
        "gradus.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment(),
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while len(children(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in out + err
    assert "stopped" in err


def test_worker_that_cannot_start_ends_the_service(tmp_path: Path) -> None:
    """The index goes between the check and the workers: each would fail, again and again."""
    script = f"""
import sys
from catalog.errors import ServingError
from service import server
from service.settings import Settings
try:
    server.run(Settings(index={str(tmp_path)!r}, workers=2), [], server.bind("127.0.0.1", 0))
except ServingError as error:
    sys.exit(f"gradus: {{error}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
        env=environment(),
    )
    assert done.returncode == 1
    assert done.stderr.startswith("gradus: a worker could not start")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    failures = [line for line in lines if "there is no index here" in json.dumps(line)]
    assert 1 <= len(failures) <= 4


def test_the_supervisor_holds_nothing_of_the_index(served_index: Path) -> None:
    with serving("--index", str(served_index), "--workers", "2") as (_, process):
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
        assert len(children(process.pid)) == 2
    assert "/uvicorn" in mapped or "httptools" in mapped  # it is the one that was meant
    for heavy in (str(served_index), "onnxruntime", "numpy", "tokenizers", "hnswlib"):
        assert heavy not in mapped


def test_a_check_that_is_killed_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(ServingError, match=r"without saying what it found \(found exit status -9"):
        preflight.check_apart(Settings())


def test_what_a_check_finds_and_raises_comes_over(served_index: Path, tmp_path: Path) -> None:
    assert preflight.check_apart(Settings(index=served_index)) == (120, 120)
    events = EventSettings(path=Path("/proc/events"))
    for wrong in (Settings(index=tmp_path), Settings(index=served_index, events=events)):
        with pytest.raises(GradusError) as here:
            preflight.check(wrong)
        with pytest.raises(type(here.value)) as there:
            preflight.check_apart(wrong)
        assert str(there.value) == str(here.value)


def children(pid: int) -> list[int]:
    """Workers of a process; the interpreter's own resource tracker is none."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            continue
        if parent == pid and b"spawn_main" in command:
            found.append(int(entry.name))
    return sorted(found)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty root", "foreign encoder"])
def test_unusable_index_is_one_line(
    served_index: Path, tmp_path: Path, damage: str, workers: str
) -> None:
    root = tmp_path / "root"
    if damage == "empty root":
        root.mkdir()
    elif damage != "missing":
        shutil.copytree(served_index, root, symlinks=True)
    if damage == "truncated":
        vectors = root / "current" / "vectors.npy"
        vectors.write_bytes(vectors.read_bytes()[:-100])
    if damage == "foreign encoder":
        from catalog.artefact import read_manifest, write_manifest

        manifest = read_manifest(root / "current", "index")
        parents = {**manifest.parents, "encoder": "0" * 64}
        write_manifest(root / "current", "index", parents=parents, config=manifest.config)
    done = finished("--index", str(root), "--workers", workers, "--port", "0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("gradus: ")
    assert str(root) in done.stderr


def test_device_that_is_not_to_be_had_ends_the_start(served_index: Path) -> None:
    done = finished("--index", str(served_index), GRADUS_ENCODER__PROVIDER="cuda")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "cuda" in line
    assert "Traceback" not in line


def test_port_taken_names_the_port(served_index: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = finished("--index", str(served_index), "--port", port)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr


def test_workers_may_be_as_many_as_cores(served_index: Path) -> None:
    done = finished("--index", str(served_index), "--workers", "auto", "--check")
    assert done.returncode == 0, done.stderr
    assert "worker" in done.stderr


def test_impossible_option_is_named_as_it_was_typed(served_index: Path) -> None:
    done = finished("--index", str(served_index), "--workers", "none", "--port", "99999")
    assert done.returncode == 1
    assert "--workers: " in done.stderr
    assert "--port: " in done.stderr
    assert "GRADUS_" not in done.stderr


def test_check_verifies_and_ends(served_index: Path) -> None:
    done = finished("--index", str(served_index), "--check", GRADUS_PROT="9000")
    assert done.returncode == 0, done.stderr
    assert "no setting is called GRADUS_PROT" in done.stderr
    assert "120 products" in done.stderr
    assert "listening" not in done.stderr


def test_impossible_setting_is_one_line(served_index: Path) -> None:
    done = finished("--index", str(served_index), GRADUS_PORT="eighty", GRADUS_LOG__QUERY="all")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "GRADUS_PORT" in done.stderr
    assert "GRADUS_LOG__QUERY" in done.stderr


def test_serving_needs_no_training_libraries(served_index: Path) -> None:
    """Import all of the serving path with the training libraries out of reach, and search."""
    script = f"""
import sys
for name in ("torch", "transformers", "optimum", "onnx", "ir_measures", "pyarrow", "scipy"):
    sys.modules[name] = None
import service.cli, service.demo, service.server
from service.app import create_app
from service.settings import Settings
from service.state import open_engine
from index.request import SearchRequest
engine, _ = open_engine(Settings(index={str(served_index)!r}))
create_app(Settings(), engine)
print(len(engine.search(SearchRequest("red kettle")).hits))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0

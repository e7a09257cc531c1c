"""`gradus demo` while its steps run: told to end, beside another, and after one that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# A step that tells its id and runs on; with `deaf` it does not end when it is asked to.
STEP = """
import os, signal, sys, time
from pathlib import Path
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""
DEMO = f"""
import sys
from pathlib import Path
import gradus
from service import demo_process, demo_steps
demo_process.end.__defaults__ = (0.3,)
demo_steps.plan = lambda *_: [demo_steps.Step("train", "train it", ("x",), (), "pid")]
demo_steps.command_line = lambda out, step: [
    sys.executable, "-c", {STEP!r}, str(out / "pid"), *OPTIONS
]
sys.argv = ["gradus", "demo", "--no-serve", "--out", OUT]
gradus.main()
"""


@contextmanager
def demo(out: Path, *options: str, background: bool = False) -> Iterator[subprocess.Popen[str]]:
    def shell() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever these tests run under
        if background:  # what a shell does to `gradus demo &`
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    script = DEMO.replace("*OPTIONS", f"*{list(options)!r}").replace("OUT]", f"{str(out)!r}]")
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        preexec_fn=shell,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def started(out: Path) -> int:
    """The id of the step's process, once it runs."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (out / "pid").exists() and (text := (out / "pid").read_text()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError("the step never began")


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize(
    ("how", "options"),
    [(signal.SIGTERM, ()), (signal.SIGTERM, ("deaf",)), (signal.SIGINT, ()), (signal.SIGHUP, ())],
)
def test_a_signal_ends_the_step_and_the_demo(
    tmp_path: Path, how: signal.Signals, options: tuple[str, ...]
) -> None:
    with demo(tmp_path, *options, background=True) as process:
        pid = started(tmp_path)
        process.send_signal(how)
        _, err = process.communicate(timeout=20)
    assert not runs(pid)
    assert process.returncode == 128 + how
    assert err.splitlines() == [
        f"gradus: stopped by {how.name} in step train. `gradus demo` goes on from here."
    ]
    assert not (tmp_path / "steps.json").exists(), "what was stopped is not done"


def test_a_second_demo_is_refused_while_a_step_runs(tmp_path: Path) -> None:
    with demo(tmp_path) as first:
        pid = started(tmp_path)
        with demo(tmp_path) as second:
            _, err = second.communicate(timeout=20)
        assert second.returncode == 1
        assert err.startswith(f"gradus: {tmp_path}: another `gradus demo` is at work here")
        first.kill()  # no time to end its step, which holds the place on
        first.wait()
        try:
            with demo(tmp_path) as third:
                _, err = third.communicate(timeout=20)
            assert "another `gradus demo` is at work here" in err
        finally:
            os.kill(pid, signal.SIGKILL)
    (tmp_path / "pid").unlink()
    with demo(tmp_path) as fourth:  # nothing holds it any more
        os.kill(started(tmp_path), signal.SIGKILL)
        _, err = fourth.communicate(timeout=20)
    assert "step train was stopped by signal 9" in err

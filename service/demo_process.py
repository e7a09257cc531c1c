"""A step's process: ends when the demo is told to end, and is the only one at work in a place."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import GradusError

_LOOK_SECONDS = 0.2
_GRACE_SECONDS = 10.0


class DemoError(GradusError):
    """A step of the demo failed."""

    code = "demo_error"


class StoppedError(DemoError):
    """A signal ended the demo; `status` is the exit status that says so."""

    def __init__(self, number: int, step: str) -> None:
        super().__init__(
            f"stopped by {signal.Signals(number).name} in step {step}",
            hint="`gradus demo` goes on from here.",
        )
        self.status = 128 + number


@dataclass
class StopSign:
    """The first signal to end that came, 0 before."""

    number: int = 0

    def heed(self, step: str) -> None:
        """Go no further than `step` once it came. Raises StoppedError."""
        if self.number:
            raise StoppedError(self.number, step)


@contextmanager
def heeding() -> Iterator[StopSign]:
    """Note SIGTERM, SIGINT and SIGHUP instead of dying of them with a child left behind.

    SIGINT is noted even where a shell that started this in the background had it ignored; SIGHUP
    is not, for `nohup` asks for that.
    """
    sign = StopSign()

    def note(number: int, _frame: object) -> None:
        sign.number = sign.number or number

    heeded = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heeded.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield sign
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Be the only demo at work in `out`, an existing directory. Raises DemoError when one is there.

    The lock goes on to the processes started by `run_process`: one that outlives a killed demo
    keeps the next from working beside it.
    """
    descriptor = os.open(out, os.O_RDONLY)
    try:
        _lock(descriptor, out)
        os.set_inheritable(descriptor, True)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, out: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DemoError(
            "another `gradus demo` is at work here",
            where=out,
            hint="Wait for it, stop it, or choose another --out.",
        ) from error


def run_process(command: Sequence[str], step: str, sign: StopSign) -> int:
    """Exit status of `command`. Raises StoppedError, the process ended, once there is a sign.

    The sign is looked at five times a second: a handler that raised could do so between the start
    of the process and the moment when there is something to end it by.
    """
    child = subprocess.Popen(command, close_fds=False)  # hands down the lock of `alone`
    try:
        while child.poll() is None and not sign.number:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_LOOK_SECONDS)
        if child.returncode != 0:  # Ctrl-C reaches it, too: it may have ended by itself
            sign.heed(step)
        return child.wait()
    finally:
        end(child)


def end(child: subprocess.Popen[bytes], grace: float = _GRACE_SECONDS) -> None:
    """End a process and wait for it; one that has not gone after `grace` seconds is killed."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()

"""Processes and sockets around the application: one process, or several under a supervisor."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from catalog.errors import ServingError
from service import logs
from service.protocol import ProblemProtocol
from service.settings import Settings
from service.workers import MULTIPROCESS_VARIABLE, Workers

if TYPE_CHECKING:
    from index.engine import Engine

_OPENING_SECONDS = 300
_LAST_CALL_SECONDS = 0.05
_ALL_DEAF_SECONDS = 0.15


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ServingError when the port is taken or the address not ours."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ServingError(
            f"cannot listen on port {port}: {error.strerror or error}",
            where=f"{host}:{port}",
            hint=f"Stop what uses port {port} (`ss -ltnp 'sport = :{port}'` names it), "
            "or take another with --port.",
        ) from error
    listener.set_inheritable(True)
    return listener


def run(settings: Settings, opened: list[Engine], listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT.

    With one worker the engine that is `opened` is taken out and used as it is; with several each
    worker opens its own, for ONNX sessions do not cross a process, and nothing here imports what an
    index needs. Raises ServingError when a worker could not start.
    """
    logs.configure(settings.log.level)
    # uvicorn raises the signal again once it has drained; by then the work is done.
    signal.signal(signal.SIGTERM, lambda *_: None)
    _hand_over_calmly()
    if settings.processes == 1:
        DrainingServer(_config(settings, opened), settings).run(sockets=[listener])
        return
    with _shared_metrics():
        supervisor = Workers(
            _config(settings, []),
            [listener],
            partial(DrainingServer, settings=settings),
            later=_config(settings, [], verified=False),
        )
        supervisor.run()
    if supervisor.failed:
        raise ServingError(
            "a worker could not start, so none is left running", hint="Its log line says why."
        )


def application(settings: Settings, opened: list[Engine], *, verified: bool) -> object:
    """What a process serves; called in that process. Takes the engine out of `opened`.

    `verified`: the index's files were hashed a moment ago, before the first workers started.
    """
    # Not before the process knows where the metrics of all workers live.
    from service.app import create_app

    logs.configure(settings.log.level)
    _end_with_parent()
    _hand_over_calmly()
    return create_app(settings, opened.pop() if opened else None, verified=verified)


class DrainingServer(uvicorn.Server):
    """A server that says it is about to end before it stops to listen."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._drain_seconds = settings.limits.drain_seconds
        self._listen_until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: `/readyz` fails from now on; a second one ends the waiting."""
        gate = self.lifespan.state.get("gate") if self.started else None
        if gate is None or gate.closing or self._drain_seconds == 0.0:
            super().handle_exit(sig, frame)
        else:
            self._captured_signals.append(sig)
            self._listen_until = monotonic() + self._drain_seconds
        if gate is not None:
            gate.closing = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if self._listen_until is not None and monotonic() >= self._listen_until:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let in who has connected by now, for closing the socket would cut them off; then end.

        No connection is closed before every worker is deaf: its client would come again at once,
        to a worker that is about to stop listening.
        """
        await asyncio.sleep(_LAST_CALL_SECONDS)
        for listener in [*self.servers, *(sockets or ())]:
            listener.close()
        await asyncio.sleep(_ALL_DEAF_SECONDS)
        await super().shutdown()


def _hand_over_calmly() -> None:
    """Let no thread that is woken take the core from the one that woke it, in this process.

    That one holds the interpreter's lock, so the other could only wait for it: two needless changes
    of thread at each hand-over, an eighth of a search's processor time.
    """
    with suppress(AttributeError, OSError):  # another system than Linux, or it is not allowed
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _end_with_parent() -> None:
    """Make a worker stop when its supervisor is gone, killed with no time to say so.

    Else it would go on answering, and hold the port, with nobody left to stop it.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _config(settings: Settings, opened: list[Engine], *, verified: bool = True) -> uvicorn.Config:
    return uvicorn.Config(
        partial(application, settings, opened, verified=verified),
        factory=True,
        workers=settings.processes,
        loop="uvloop",
        http=ProblemProtocol,
        lifespan="on",
        log_config=None,
        access_log=False,  # the observer writes the line, at a quarter of the cost
        server_header=False,
        ws="none",
        timeout_keep_alive=settings.limits.keep_alive_seconds,
        # A worker that opens a large index does not answer its supervisor meanwhile.
        timeout_worker_healthcheck=_OPENING_SECONDS,
        timeout_graceful_shutdown=settings.limits.shutdown_seconds,
    )


@contextmanager
def _shared_metrics() -> Iterator[None]:
    directory = tempfile.mkdtemp(prefix="gradus-metrics-")
    os.environ[MULTIPROCESS_VARIABLE] = directory
    try:
        yield
    finally:
        del os.environ[MULTIPROCESS_VARIABLE]
        shutil.rmtree(directory, ignore_errors=True)

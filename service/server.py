"""Processes and sockets around the application: one process, or several under a supervisor."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from catalog.errors import ServingError
from index.engine import Engine
from service import logs
from service.protocol import ProblemProtocol
from service.settings import Settings

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# What uvicorn's own processes exit with when an application cannot start.
_STARTUP_FAILURE = 3
_OPENING_SECONDS = 300


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


def run(settings: Settings, engine: Engine | None, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT.

    With one worker the open `engine` is used as it is; with several each worker opens its own, for
    ONNX sessions do not cross a process. Raises ServingError when a worker could not start.
    """
    logs.configure(settings.log.level)
    # uvicorn raises the signal again once it has drained; by then the work is done.
    signal.signal(signal.SIGTERM, lambda *_: None)
    if settings.workers == 1:
        uvicorn.Server(_config(settings, engine)).run(sockets=[listener])
        return
    with _shared_metrics():
        supervisor = _Workers(_config(settings, None), sockets=[listener])
        supervisor.run()
    if supervisor.failed:
        raise ServingError(
            "a worker could not start, so none is left running", hint="Its log line says why."
        )


def application(settings: Settings, engine: Engine | None) -> object:
    """What a process serves; called in that process."""
    # Not before the process knows where the metrics of all workers live.
    from service.app import create_app

    logs.configure(settings.log.level)
    _end_with_parent()
    return create_app(settings, engine, verified=True)


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


def _config(settings: Settings, engine: Engine | None) -> uvicorn.Config:
    return uvicorn.Config(
        partial(application, settings, engine),
        factory=True,
        workers=settings.workers,
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


class _Workers(Multiprocess):
    """Replaces workers that die, but ends when one cannot start: the next would not either."""

    failed = False

    def keep_subprocess_alive(self) -> None:
        """One look at the workers."""
        for process in self.processes:
            # The worker has its own end of the pipe. While ours is open too, a worker that dies in
            # the middle of a ping is waited for as long as the whole health check may take.
            process.child_conn.close()
        before = {process.pid: process for process in self.processes}
        super().keep_subprocess_alive()
        for pid, process in before.items():
            if process.exitcode is not None and pid is not None:
                _forget(pid)
            if process.exitcode == _STARTUP_FAILURE:
                self.failed = True
                self.should_exit.set()


def _forget(pid: int) -> None:
    """Take the gauges of a worker that is gone out of the sums."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


@contextmanager
def _shared_metrics() -> Iterator[None]:
    directory = tempfile.mkdtemp(prefix="gradus-metrics-")
    os.environ[MULTIPROCESS_VARIABLE] = directory
    try:
        yield
    finally:
        del os.environ[MULTIPROCESS_VARIABLE]
        shutil.rmtree(directory, ignore_errors=True)

"""The supervisor of several workers: replaces one that dies, and says so."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from multiprocessing import resource_tracker
from time import monotonic

import uvicorn
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from service import logs

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# What uvicorn's own processes exit with when an application cannot start.
_STARTUP_FAILURE = 3
_RETRY_SECONDS = 5.0

ServerFactory = Callable[[uvicorn.Config], uvicorn.Server]


class Worker(Process):
    """One process that serves with a server of our making."""

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], make: ServerFactory
    ) -> None:
        super().__init__(config, sockets)
        self._make = make

    @property
    def server(self) -> uvicorn.Server:
        """The server, made in the worker's process."""
        if self._server is None:
            self._server = self._make(self.config)
        return self._server


class Workers(Multiprocess):
    """Ends when none can start at first; later keeps those that serve, and goes on trying."""

    failed = False

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        make: ServerFactory,
        later: uvicorn.Config,
    ) -> None:
        """`make` a server from the configuration, called in each worker.

        `later` is the configuration of workers that take the place of the first ones.
        """
        super().__init__(config, sockets)
        self._make, self._later = make, later
        self._served = False  # once a worker has been ready, the application can start
        self._retry_at: dict[int, float] = {}  # by place, of workers that could not start

    def init_processes(self) -> None:
        """Start all of them."""
        self.processes = [self._started(self.config) for _ in range(self.processes_num)]

    def terminate_all(self) -> None:
        """End all of them, and stop listening here: else clients queue up for nobody."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        """One look at the workers."""
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            # The worker has its own end of the pipe. While ours is open too, a worker that dies in
            # the middle of a ping is waited for as long as the whole health check may take.
            worker.child_conn.close()
            if place in self._retry_at:
                if monotonic() >= self._retry_at[place]:
                    del self._retry_at[place]
                    self.processes[place] = self._started(self._later)
            elif worker.is_alive(timeout=self.config.timeout_worker_healthcheck):
                self._served = self._served or worker.is_ready()
            else:
                self._replace(place, worker)

    def _replace(self, place: int, worker: Process) -> None:
        worker.kill()  # it may hang instead of being dead
        worker.join()
        if worker.pid is not None:
            _forget(worker.pid)
        if self.should_exit.is_set():
            return
        fields = {"pid": worker.pid, "exit_status": worker.exitcode}
        if worker.exitcode != _STARTUP_FAILURE:
            logs.service.error("a worker died and is replaced", extra={"fields": fields})
            self.processes[place] = self._started(self._later)
        elif self._served:
            logs.service.error("a worker cannot start; the others serve", extra={"fields": fields})
            self._retry_at[place] = monotonic() + _RETRY_SECONDS
        else:
            self.failed = True
            self.should_exit.set()

    def _started(self, config: uvicorn.Config) -> Process:
        worker = Worker(config, self.sockets, self._make)
        # Ctrl-C reaches a whole terminal, and a worker that is still importing would answer it with
        # a traceback. It inherits this mask; we end it ourselves. multiprocessing's tracker of
        # resources would lift the mask when it starts, so it does before.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return worker


def _forget(pid: int) -> None:
    """Take the gauges of a worker that is gone out of the sums."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]

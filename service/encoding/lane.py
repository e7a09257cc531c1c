"""One thread that encodes: the event loop hands texts over, and can let go of one that hangs.

Texts go into a call together only where the encoder takes several rows a call (`rows`), and then
those of one length, which is how the bundle forms its calls: a vector never depends on its
batch-mates. The thread takes what is there and never waits for more.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Outcome = Vector | Exception
# Why a text is not encoded, as `gradus_shed_total` counts it; empty while somebody waits for it.
Unwanted = Literal["", "client_gone", "too_late"]


class TextEncoder(Protocol):
    """The part of an encoder that a lane uses."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dim) float32."""
        ...


@dataclass(frozen=True, eq=False)
class Job:
    """A text to encode; `length` in tokens, `unwanted` says why nobody waits any more, if so.

    It is not asked again once it has said so.
    """

    text: str
    deliver: Callable[[Outcome], None]
    unwanted: Callable[[], Unwanted] = lambda: ""
    length: int = 0


class _Call:
    """Texts that somebody stands and waits for."""

    __slots__ = ("given_up", "outcomes", "ready", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.outcomes: list[Outcome] = []
        self.given_up = False
        self.ready = threading.Lock()
        self.ready.acquire()


class Busy(Exception):  # noqa: N818, a state rather than a fault
    """The encoder has not answered in time, or is still at a text that was given up."""


class Lane:
    """A thread and the encoder it calls."""

    def __init__(
        self,
        encoder: TextEncoder,
        rows: int = 1,
        *,
        on_batch: Callable[[int], None] = lambda _size: None,
        on_dropped: Callable[[Unwanted], None] = lambda _why: None,
    ) -> None:
        """`rows` texts a call at most; the hooks run in the thread."""
        self.encoder = encoder
        self._rows = rows
        self._on_batch, self._on_dropped = on_batch, on_dropped
        self._jobs: deque[Job] = deque()
        self._guard = threading.Lock()
        self._wake: SimpleQueue[bool | _Call] = SimpleQueue()
        self._began = 0.0  # when the call that now runs began, 0 when none does
        threading.Thread(target=self._work, name="encoder", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Texts handed over and not yet taken."""
        return len(self._jobs)

    def stuck_for(self) -> float:
        """Seconds that the call running now has taken, 0 when none runs."""
        began = self._began
        return perf_counter() - began if began else 0.0

    def submit(self, job: Job) -> None:
        """Hand a text over; `job.deliver` is called from the thread."""
        with self._guard:
            self._jobs.append(job)
        self._wake.put(True)

    def now(self, texts: Sequence[str], seconds: float) -> list[Outcome]:
        """Encode texts one by one and wait for them, `seconds` at most; for one caller at a time.

        Gives those that were done in time, in their order; what the encoder raises stands in its
        text's place. Raises Busy when none was, and at once while an earlier text is overdue. The
        caller's thread stands still meanwhile: for quick encoders.
        """
        if self._began or self._jobs:
            raise Busy
        call = _Call(texts)
        self._wake.put(call)
        if not call.ready.acquire(timeout=seconds):
            call.given_up = True
            if not call.outcomes:
                raise Busy
        return [*call.outcomes]

    def close(self) -> None:
        """End the thread once it has come back from its call; jobs left are not delivered."""
        self._wake.put(False)

    def _work(self) -> None:
        while woken := self._wake.get():
            if isinstance(woken, _Call):
                self._answer(woken)
            else:
                self._deliver(self._take())

    def _answer(self, call: _Call) -> None:
        for text in call.texts:
            if call.given_up:
                if not call.outcomes:
                    self._on_dropped("too_late")
                return
            call.outcomes += self._encode([text])
        call.ready.release()

    def _deliver(self, batch: list[Job]) -> None:
        if batch:
            found = self._encode([job.text for job in batch])
            for job, outcome in zip(batch, found, strict=True):
                job.deliver(outcome)

    def _take(self) -> list[Job]:
        """The job that has waited longest, and those that fit into its call."""
        batch: list[Job] = []
        dropped: list[Unwanted] = []

        def take(jobs: Iterable[Job]) -> None:
            for job in jobs:
                why = job.unwanted()  # who is told that nobody waits is dropped
                if why:
                    dropped.append(why)
                else:
                    batch.append(job)

        with self._guard:
            while self._jobs and not batch:
                take([self._jobs.popleft()])
            if batch and self._rows > 1:
                take(self._alike(batch[0].length, self._rows - 1))
        for why in dropped:
            self._on_dropped(why)
        return batch

    def _alike(self, length: int, most: int) -> list[Job]:
        alike = [job for job in self._jobs if job.length == length][:most]
        for job in alike:
            self._jobs.remove(job)
        return alike

    def _encode(self, texts: list[str]) -> Sequence[Outcome]:
        self._began = perf_counter()
        try:
            vectors = self.encoder.encode_queries(texts)
            if not np.isfinite(vectors).all():
                raise ArithmeticError("the encoder gave a vector that is not finite")
        except Exception as error:  # whatever it is, the thread lives on and the search degrades
            return [error] * len(texts)
        finally:
            self._began = 0.0
        self._on_batch(len(texts))
        return list(vectors)

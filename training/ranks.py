"""Several processes that train together, as torchrun starts them: who leads, and who waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from os import environ
from typing import Any, TypeVar

import torch

from catalog.errors import TrainingError

# A language model may take hours to grade what the others wait for. One that dies ends their wait.
_LONGEST_WAIT = timedelta(days=7)
T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """One process's place among `count`. The first one prints and writes; alone it is the first."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process prints and writes for all."""
        return self.rank == 0

    def wait(self) -> None:
        """Until every process has come here; at once for one that is alone.

        Raises:
            TrainingError: another one has ended meanwhile.

        """
        if self.count < 2:
            return
        try:
            torch.distributed.barrier()
        except RuntimeError as error:
            raise self._left_alone() from error

    def given(self, make: Callable[[], T]) -> T:
        """What `make` gives in the first process; the others do not call it and get a copy.

        Raises:
            TrainingError: another one has ended meanwhile.

        """
        if self.count < 2:
            return make()
        handed: list[Any] = [make() if self.first else None]
        try:
            torch.distributed.broadcast_object_list(handed, src=0)
        except RuntimeError as error:
            raise self._left_alone() from error
        found: T = handed[0]
        return found

    def only_first(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """`say` for the first process, silence for the others."""
        return say if self.first else lambda line: None

    def _left_alone(self) -> TrainingError:
        return TrainingError(
            "another process of this run has ended",
            where=f"process {self.rank} of {self.count}",
            hint="Its own message says why.",
        )


@contextmanager
def joined() -> Iterator[Ranks]:
    """Join the processes that torchrun started (NCCL with GPUs, else gloo); leave them at the end.

    Where torchrun was not used this is the only process, and nothing is set up.
    """
    if int(environ.get("WORLD_SIZE", "1")) < 2 or "LOCAL_RANK" not in environ:
        yield Ranks()
        return
    from accelerate import PartialState

    # What the trainer sets up too, which then finds it there; only we have to wait before that.
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=_LONGEST_WAIT)
    try:
        yield Ranks(state.process_index, state.num_processes)
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

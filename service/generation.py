"""One index version while it serves: used by searches, brought up to date, let go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from catalog.errors import NotReady
from index.budgets import NO_BUDGETS, Budgets
from index.engine import Engine
from index.live.updatable import UpdatableIndex
from index.live.updates import Update, UpdateStatus
from index.request import SearchRequest, SearchResult
from service import metrics
from service.encoding.lru import Lru
from service.encoding.query_encoder import QueryEncoder


@dataclass(eq=False)
class Generation:
    """An open engine with the encoder serving it and the answers kept of it.

    `budgets` bound the parts that an answer can do without.
    `engine` is the catalogue as it stands, all live updates up to number `sequence` in it; a search
    takes it once. `journal` is where updates of this version are kept, None where it takes none.
    `users` are the searches that hold it; once `retired`, the last of them closes it.
    """

    engine: Engine
    encoder: QueryEncoder
    answers: Lru[SearchRequest, SearchResult]
    budgets: Budgets = NO_BUDGETS
    journal: Path | None = None
    updates: UpdatableIndex | None = None
    sequence: int = 0
    users: int = 0
    retired: bool = False

    @property
    def version(self) -> str:
        """Name of the index version."""
        return self.engine.bundle.version

    @cached_property
    def identity(self) -> str:
        """Equal ones answer equal requests alike, live updates aside."""
        files = json.dumps(self.engine.bundle.manifest.files, sort_keys=True)
        return sha256(f"{self.version}{files}{self.engine.refiner.rules}".encode()).hexdigest()

    def write(self, updates: Sequence[Update]) -> list[UpdateStatus]:
        """Apply updates and sync them, in a thread; `renew` then shows them to searches.

        Raises as `UpdatableIndex.apply` does.
        """
        return self._opened().apply(updates)

    def behind(self) -> bool:
        """Whether another process wrote updates that are not in yet. One system call."""
        if self.updates is not None:
            return self.updates.changed
        return self.journal is not None and self.journal.exists()

    def refresh(self) -> None:
        """Take in what other processes wrote, in the thread that writes."""
        self._opened().refresh()

    def renew(self) -> None:
        """Let searches see what was written. Belongs to the event loop."""
        if self.updates is None:
            return
        engine, sequence = self.updates.standing  # the next update may be on its way already
        if engine is self.engine:
            return
        self.engine, self.sequence = engine, sequence
        self.answers.clear()
        self.announce()

    def announce(self) -> None:
        """Tell the metrics how large the catalogue is now."""
        metrics.INDEX_PRODUCTS.set(self.engine.bundle.products)
        metrics.INDEX_SEQUENCE.set(self.sequence)

    def _opened(self) -> UpdatableIndex:
        if self.updates is None:
            if self.journal is None:
                raise NotReady("this version of the index takes no updates")
            self.updates = UpdatableIndex.open(self.engine, self.journal)
        return self.updates

    def acquire(self) -> Generation:
        """Hold it for one search."""
        self.users += 1
        return self

    def release(self) -> None:
        """Let go of it."""
        self.users -= 1
        self._close_if_unused()

    def retire(self) -> None:
        """Another one has taken over."""
        self.retired = True
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self.retired and self.users == 0:
            self.encoder.close()
            if self.updates is not None:
                self.updates.close()

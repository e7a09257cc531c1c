"""One index version while it serves: opened, proved, warmed up, used by searches, let go."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from catalog.errors import GradusError, NotReady
from export.bundle import Encoder, EncoderBundle
from index.bundle import IndexBundle
from index.engine import Engine
from index.known_answers import KnownAnswers
from index.live.handover import take_over
from index.live.updatable import UpdatableIndex, journal_path
from index.live.updates import Update, UpdateStatus
from index.request import SearchRequest, SearchResult
from index.rules import read_rules
from index.versions import CURRENT, VERSIONS, before_live
from service import logs, metrics
from service.encoding.choice import choose, measure
from service.encoding.lru import Lru
from service.encoding.query_encoder import QueryEncoder, VectorCache
from service.readiness import tell, warm_up
from service.settings import Settings


@dataclass(eq=False)
class Generation:
    """An open engine with the encoder serving it and the answers kept of it.

    `engine` is the catalogue as it stands, all live updates up to number `sequence` in it; a search
    takes it once. `journal` is where updates of this version are kept, None where it takes none.
    `users` are the searches that hold it; once `retired`, the last of them closes it.
    """

    engine: Engine
    encoder: QueryEncoder
    answers: Lru[SearchRequest, SearchResult]
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
        if self.updates is None or self.updates.engine is self.engine:
            return
        self.engine, self.sequence = self.updates.engine, self.updates.sequence
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


@dataclass(frozen=True)
class Opener:
    """Opens generations by the settings of one service; they share the cache of vectors."""

    settings: Settings
    vectors: VectorCache = field(default_factory=lambda: Lru(0))

    @classmethod
    def of(cls, settings: Settings) -> Opener:
        """With a cache of the size that is set."""
        return cls(settings, Lru(settings.encoder.cache))

    def engine(self, path: Path, *, verify: bool) -> Engine:
        """Open an index root or version. Raises as `Engine.open` does."""
        bundle = IndexBundle.open(path, verify=verify)
        rules = None if self.settings.rules is None else read_rules(self.settings.rules)
        return Engine(bundle, self._encoder(bundle, verify=verify), rules)

    def first(self, *, verify: bool) -> Engine:
        """What a starting worker serves: the live version, or the one before if that is broken.

        A worker that replaces another must not fail on a version that the others have refused.
        Raises as `Engine.open` does, by the live version, when neither can be served.
        """
        root = self.settings.index
        try:
            return self.engine(root, verify=verify)
        except GradusError as error:
            try:
                engine = self.engine(root / VERSIONS / before_live(root), verify=True)
            except GradusError:
                raise error from None
            fields = {"serving": engine.bundle.version, "error": str(error)}
            logs.service.error("the live version cannot be served", extra={"fields": fields})
            return engine

    def generation(self, engine: Engine) -> Generation:
        """Measure the encoder of an open engine and make the engine ready to serve.

        Raises BundleError when it opens but cannot encode or search, or its known answers are
        other ones here.
        """
        wanted, encoder = self.settings.encoder, engine.encoder
        # The first search of a process is ten times slower than the second, and a model that opens
        # but cannot run shows itself here instead of to the first shopper.
        engine.search(SearchRequest("first search", min_tier="irrelevant", filter="id EXISTS"))
        KnownAnswers.load(engine.bundle.directory).check(engine)
        rows = encoder.rows if isinstance(encoder, EncoderBundle) else 1
        choice = choose(wanted.way, measure(encoder), rows)
        fields = {"index": engine.bundle.version, "way": choice.way, "reason": choice.reason}
        logs.service.info("queries are encoded %s", choice.way, extra={"fields": fields})
        own = isinstance(encoder, EncoderBundle)
        return Generation(
            engine,
            QueryEncoder(
                encoder,
                encoder.fingerprint,
                choice,
                self.vectors,
                rows=rows,
                most_waiting=wanted.queue,
                max_wait=wanted.max_wait_us / 1e6,
                reopen=(lambda: self._encoder(engine.bundle, verify=False)) if own else None,
                tokens=(lambda text: len(encoder.query_tokens(text))) if own else len,  # type: ignore[attr-defined]
            ),
            Lru(self.settings.answers),
            None if self.root is None else journal_path(self.root, engine.bundle.version),
        )

    @property
    def root(self) -> Path | None:
        """The root whose `current` says what is live; None when serving a version by its path."""
        root = self.settings.index
        return root if (root / CURRENT).is_symlink() else None

    def check_journal(self, engine: Engine) -> None:
        """Replay the live updates of a version. Raises BundleError when they are damaged."""
        if self.root is not None:
            journal = journal_path(self.root, engine.bundle.version)
            if journal.exists():
                UpdatableIndex.open(engine, journal).close()

    def catch_up(self, generation: Generation, *, final: bool) -> None:
        """Bring a generation that does not serve yet up to date with the journals of the root.

        The last, `final` time the version is live already, and nothing more goes into the journals
        of others. Belongs in a thread. Raises BundleError, or ServingError when a journal cannot
        be written.
        """
        if self.root is None:
            return
        index, handed = take_over(
            generation.engine,
            self.root,
            generation.updates,
            everything=self.settings.updates.carry == "all",
            final=final,
        )
        generation.updates = index
        if index is not None:
            generation.engine, generation.sequence = index.engine, index.sequence
        tell(handed, generation.version)

    def open(self, path: Path, recorded: Iterable[SearchRequest] = ()) -> Generation:
        """Open, verify and warm up another version; takes seconds and belongs in a thread.

        Raises BundleError, or its like, when this version must not serve.
        """
        generation = self.generation(self.engine(path, verify=self.settings.verify))
        try:
            warm_up(generation.engine, recorded)
            self.catch_up(generation, final=False)
        except GradusError:
            generation.retire()
            raise
        return generation

    def _encoder(self, bundle: IndexBundle, *, verify: bool) -> Encoder:
        wanted = self.settings.encoder
        encoder = bundle.open_encoder(
            # Its files stand in the manifest of the index; the probe of known vectors is new.
            verify=verify,
            threads=wanted.threads,
            provider=wanted.provider,
        )
        bundle.check_encoder(encoder)
        return encoder

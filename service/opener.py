"""How a version of the index comes to serve: opened, verified, proved, caught up, warmed up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from catalog.errors import GradusError
from export.bundle import Encoder, EncoderBundle
from index.budgets import Budgets
from index.bundle import IndexBundle
from index.engine import Engine
from index.known_answers import KnownAnswers
from index.live.handover import take_over
from index.live.updatable import UpdatableIndex, journal_path
from index.request import SearchRequest
from index.rules import read_rules
from index.versions import CURRENT, VERSIONS, before_live
from service import logs
from service.encoding.choice import choose, measure
from service.encoding.lru import Lru
from service.encoding.query_encoder import QueryEncoder, VectorCache
from service.generation import Generation
from service.readiness import tell, warm_up
from service.settings import Settings


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

    def proved(self, path: Path, *, verify: bool) -> Engine:
        """Open an index root or version and ask it what was asked when it was built.

        Raises as `Engine.open` does, and BundleError when it opens but cannot encode or search, or
        its known answers are other ones here.
        """
        engine = self.engine(path, verify=verify)
        # The first search of a process is ten times slower than the second, and a model that opens
        # but cannot run shows itself here instead of to the first shopper.
        engine.search(SearchRequest("first search", min_tier="irrelevant", filter="id EXISTS"))
        KnownAnswers.load(engine.bundle.directory).check(engine)
        return engine

    def first(self, *, verify: bool) -> Engine:
        """What a starting worker serves: the live version, or the one before if that is broken.

        A worker that replaces another must not fail on a version that the others have refused.
        Raises as `proved` does, by the live version, when neither can be served.
        """
        root = self.settings.index
        try:
            return self.proved(root, verify=verify)
        except GradusError as error:
            try:
                engine = self.proved(root / VERSIONS / before_live(root), verify=True)
            except GradusError:
                raise error from None
            fields = {"serving": engine.bundle.version, "error": str(error)}
            logs.service.error("the live version cannot be served", extra={"fields": fields})
            return engine

    def generation(self, engine: Engine) -> Generation:
        """Measure the encoder of a proved engine and make the engine ready to serve."""
        wanted, encoder, limits = self.settings.encoder, engine.encoder, self.settings.limits
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
            Budgets(limits.spelling_ms / 1e3, limits.facets_ms / 1e3),
            None if self.root is None else journal_path(self.root, engine.bundle.version),
        )

    @property
    def root(self) -> Path | None:
        """The root whose `current` says what is live; None when serving a version by its path."""
        root = self.settings.index
        return root if (root / CURRENT).is_symlink() else None

    def check_journal(self, engine: Engine) -> int:
        """Replay the live updates of a version; how many products there are with them.

        Raises BundleError when they are damaged.
        """
        if self.root is not None:
            journal = journal_path(self.root, engine.bundle.version)
            if journal.exists():
                updated = UpdatableIndex.open(engine, journal)
                updated.close()
                return updated.engine.bundle.products
        return engine.bundle.products

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
        generation = self.generation(self.proved(path, verify=self.settings.verify))
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

"""One index version while it serves: opened, proved, warmed up, used by searches, let go."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from catalog.errors import BundleError, GradusError, QueryError
from export.bundle import Encoder, EncoderBundle
from index.bundle import IndexBundle
from index.engine import Engine
from index.known_answers import KnownAnswers
from index.request import SearchRequest, SearchResult
from index.rules import read_rules
from index.versions import VERSIONS, before_live
from service import logs
from service.encoding.choice import choose, measure
from service.encoding.lru import Lru
from service.encoding.query_encoder import QueryEncoder, VectorCache
from service.settings import Settings

_WARM_UP_SECONDS = 5.0


@dataclass(eq=False)
class Generation:
    """An open engine with the encoder serving it and the answers kept of it.

    `users` are the searches that hold it; once `retired`, the last of them closes it.
    """

    engine: Engine
    encoder: QueryEncoder
    answers: Lru[SearchRequest, SearchResult]
    users: int = 0
    retired: bool = False

    @property
    def version(self) -> str:
        """Name of the index version."""
        return self.engine.bundle.version

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
        )

    def open(self, path: Path, recorded: Iterable[SearchRequest] = ()) -> Generation:
        """Open, verify and warm up another version; takes seconds and belongs in a thread.

        Raises BundleError, or its like, when this version must not serve.
        """
        generation = self.generation(self.engine(path, verify=self.settings.verify))
        try:
            warm_up(generation.engine, recorded)
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


def warm_up(engine: Engine, recorded: Iterable[SearchRequest]) -> None:
    """Run searches that were asked lately, for a few seconds at most.

    Raises BundleError when one of them has no vector or no answer.
    """
    until = monotonic() + _WARM_UP_SECONDS
    for request in recorded:
        if monotonic() > until:
            return
        try:
            # A filter that this index cannot read is the shopper's trouble, not the index's.
            with suppress(QueryError):
                engine.search(replace(request, offset=0))
        except GradusError:
            raise
        except Exception as error:
            raise BundleError(
                f"the index opens but cannot answer: {type(error).__name__}: {error}",
                where=engine.bundle.directory,
                hint="Build the index again.",
            ) from error

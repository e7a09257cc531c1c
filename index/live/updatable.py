"""An index that takes updates while it serves: one writer, engines for readers.

A reader takes `engine` once and keeps it for its search: it is one state of the catalogue, whole
and immutable. A writer makes the next state beside it, syncs the journal, and puts the new engine
in the place of the old; nobody waits for anybody on the way of a search.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from catalog.model import Product
from catalog.products import parse_product, product_record
from index.engine import Engine
from index.live.journal import Journal
from index.live.lines import Entry
from index.live.overlay import Addition, Overlay, as_stored
from index.live.pending import Pending
from index.live.updates import Update, UpdateStatus, read_alike
from index.vectors import Vectors

JOURNALS_DIR = "journals"


def journal_path(root: Path, version: str) -> Path:
    """Where the updates of one version of an index are kept, beside its versions."""
    return root / JOURNALS_DIR / f"{version}.ndjson"


class UpdatableIndex:
    """Takes updates of one version of an index. `apply` and `refresh` may come from any thread."""

    def __init__(self, engine: Engine, journal: Journal | None = None) -> None:
        """Over a freshly opened engine; what the journal holds is applied at once.

        Without a journal updates last as long as this object. Raises BundleError when the journal
        is damaged.
        """
        self._base = engine
        self._journal = journal
        self._writer = threading.Lock()
        self._overlay = Overlay.over(engine.bundle)
        self._engine = engine
        self._standing = (engine, 0)
        self.refresh()

    @classmethod
    def open(cls, engine: Engine, journal: Path) -> UpdatableIndex:
        """With the journal at a path, which is begun when it is not there.

        Raises BundleError when it is damaged or belongs to another version.
        """
        return cls(engine, Journal.open(journal, engine.bundle.version))

    @property
    def engine(self) -> Engine:
        """The catalogue as it stands now; take it once a search."""
        return self._engine

    @property
    def sequence(self) -> int:
        """Number of the last update, 0 before the first; counts on over restarts."""
        return 0 if self._journal is None else self._journal.sequence

    @property
    def standing(self) -> tuple[Engine, int]:
        """The catalogue and the number of the last update in it, while others write, too.

        `sequence` runs ahead of `engine` from the sync to the end of a write.
        """
        return self._standing

    @property
    def changed(self) -> bool:
        """Whether another process wrote updates that `refresh` would bring."""
        return self._journal is not None and self._journal.changed

    def apply(self, updates: Sequence[Update]) -> list[UpdateStatus]:
        """Apply updates in order, all at once for readers, and say what became of each.

        When this returns they are on disk. An update that cannot be is `invalid` and changes
        nothing; the others are applied.

        Raises:
            ServingError: the journal cannot be written; nothing was changed.
            NotReady: a newer version has taken over; nothing was changed.
            BundleError: the encoder failed, or the journal is damaged; nothing was changed.

        """
        with self._writer:
            if self._journal is None:
                return self._applied(updates)
            with self._journal.writing() as others:
                self._replay(others)
                return self._applied(updates)

    def carry(self, updates: Sequence[Update], taken: Mapping[str, int]) -> list[UpdateStatus]:
        """Apply what other journals of this index hold, as `apply` does, sealed or not.

        `taken` notes how far they were read, by version; a journal that was sealed is open again.
        """
        with self._writer:
            if self._journal is None:
                return self._applied(updates)
            with self._journal.owning() as others:
                self._replay(others)
                last: dict[str, Any] = {"taken": dict(taken)} if taken else {}
                last |= {"sealed": ""} if self._journal.sealed else {}
                return self._applied(updates, {"carried": True}, last)

    @property
    def taken(self) -> Mapping[str, int]:
        """How far other journals were taken in: version → sequence."""
        return {} if self._journal is None else dict(self._journal.taken)

    @property
    def sealed(self) -> bool:
        """Whether another version has taken over."""
        return self._journal is not None and bool(self._journal.sealed)

    def refresh(self) -> int:
        """Take in what other processes wrote; how many updates that were."""
        with self._writer:
            if self._journal is None:
                return 0
            entries = self._journal.read()
            self._replay(entries)
            return len(entries)

    def products(self) -> Iterator[Product]:
        """All products as they stand now: what a rebuild takes in."""
        bundle = self._engine.bundle
        yield from bundle.store.products(
            None if bundle.alive is None else bundle.alive.rows.tolist()
        )

    def seal(self, successor: str) -> None:
        """Take no more updates, in any process: version `successor` has taken them over."""
        with self._writer:
            if self._journal is not None:
                with self._journal.writing() as others:
                    self._replay(others)
                    self._journal.append([{"sealed": successor}])

    def close(self) -> None:
        """Let go of the journal; the engines stay usable."""
        if self._journal is not None:
            self._journal.close()

    def _applied(
        self,
        updates: Sequence[Update],
        mark: Mapping[str, Any] = MappingProxyType({}),
        last: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[UpdateStatus]:
        """`mark` goes into each entry, `last` is an entry behind them."""
        state = Pending(self._overlay)
        statuses = [state.take(update) for update in updates]
        vectors = self._vectors(state)
        additions = self._additions(state.put, vectors, state.same_vector)
        bodies = [
            *({"delete": name, **mark} for name in state.gone),
            *({**self._entry(addition, state.patches), **mark} for addition in additions),
            *([last] if last else []),
        ]
        if self._journal is not None and bodies:
            self._journal.append(bodies)
        self._stand(additions, state.gone)
        return statuses

    def _vectors(self, state: Pending) -> dict[str, Vectors]:
        """A vector of each product put: the old one where the encoder would read the same."""
        kept = {name: self._overlay.vector(row) for name, row in state.same_vector.items()}
        new = {name: product for name, product in state.put.items() if name not in kept}
        if new:
            found = self._base.encoder.encode_products(list(new.values()))
            stored = as_stored(found, self._base.bundle)
            kept.update(zip(new, stored, strict=True))
        return kept

    def _entry(self, addition: Addition, patches: Mapping[str, Any]) -> dict[str, Any]:
        vector = base64.b64encode(addition.vector.astype("<f4").tobytes()).decode()
        maker = self._base.bundle.encoder_fingerprint
        part = patches.get(addition.product.id)
        body = {"put": product_record(addition.product), "vector": vector, "encoder": maker}
        return body if part is None else {**body, "patch": part}

    def _replay(self, entries: Sequence[Entry]) -> None:
        """Stand where these entries lead: of each product its last one counts."""
        last: dict[str, Entry] = {}
        for entry in entries:
            name = entry["put"]["id"] if "put" in entry else entry.get("delete")
            if name is not None:
                last[name] = entry
        gone = [name for name, entry in last.items() if "delete" in entry]
        put = {
            name: parse_product(entry["put"], f"journal entry {entry['seq']}")
            for name, entry in last.items()
            if "put" in entry
        }
        vectors = self._recorded({name: last[name] for name in put})
        missing = [product for name, product in put.items() if name not in vectors]
        if missing:
            found = as_stored(self._base.encoder.encode_products(missing), self._base.bundle)
            vectors.update(
                (product.id, vector) for product, vector in zip(missing, found, strict=True)
            )
        same = self._same_text(put) if self._base.encoder.late else {}
        self._stand(self._additions(put, vectors, same), gone)

    def _additions(
        self, put: Mapping[str, Product], vectors: Mapping[str, Vectors], same: Mapping[str, int]
    ) -> list[Addition]:
        """`same`: the row of each product whose text is still what that row was read from."""
        read = {name: self._overlay.subwords_of(row) for name, row in same.items()}
        new = {name: product for name, product in put.items() if name not in same}
        subwords = self._base.encoder.product_subwords(new.values())
        if subwords is not None:
            read.update(zip(new, subwords, strict=True))
        return [Addition(one, vectors[name], read.get(name)) for name, one in put.items()]

    def _same_text(self, put: Mapping[str, Product]) -> dict[str, int]:
        same = {}
        for name, product in put.items():
            row, standing = self._overlay.row(name), self._overlay.product(name)
            if row is not None and standing is not None and read_alike(product, standing):
                same[name] = row
        return same

    def _recorded(self, entries: Mapping[str, Entry]) -> dict[str, Vectors]:
        """Vectors in the journal that this index's own encoder made."""
        maker, dim = self._base.bundle.encoder_fingerprint, self._base.bundle.dense.dim
        vectors: dict[str, Vectors] = {}
        for name, entry in entries.items():
            if entry.get("encoder") == maker:
                vector = np.frombuffer(base64.b64decode(entry["vector"]), "<f4")
                if len(vector) == dim:
                    vectors[name] = vector.astype(np.float32)
        return vectors

    def _stand(self, additions: Sequence[Addition], gone: Sequence[str]) -> None:
        gone = [name for name in gone if self._overlay.row(name) is not None]
        if additions or gone:
            self._overlay = self._overlay.changed(additions, gone)
            self._engine = self._base.over(self._overlay.bundle())
        self._standing = (self._engine, self.sequence)

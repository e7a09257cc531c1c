"""Another version takes over: updates that its build cannot have known are carried over to it.

The rule: **a version serves its own products and every update acknowledged since its snapshot**, in
whichever journal of the root that is noted. The snapshot is when the products it was built from
were as they are (`gradus index build --as-of`). So a nightly rebuild loses nothing that happened
meanwhile, and a rollback nothing that happened since.

Each journal that was being written is sealed under its lock, so no update slips in between. What is
carried is applied in the order it was acknowledged, changes in part as such, and encoded by the
version's own encoder. Doing it twice changes nothing: the journal notes how far others were read.
Older updates are left to the build, and counted; where the build does not show them, their products
are named.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from catalog.errors import GradusError
from catalog.products import parse_product
from index.bundle import IndexBundle
from index.engine import Engine
from index.live.journal import Journal
from index.live.lines import Entry, is_sealed, read_journal, stamp
from index.live.updatable import JOURNALS_DIR, UpdatableIndex, journal_path
from index.live.updates import Delete, Patch, Put, Update, patched
from index.versions import live

_LOCK = ".handover"
_BATCH = 256  # updates carried over at once


@dataclass(frozen=True)
class Handed:
    """What became of the updates in other journals.

    `carried` were applied; `vanished` are products that an update would change in part and this
    version does not have; `left` updates are older than the snapshot, and `overruled` are the
    products of these that this version has otherwise than their last update left them.
    """

    carried: int = 0
    vanished: tuple[str, ...] = ()
    left: int = 0
    overruled: tuple[str, ...] = ()

    def plus(self, other: Handed) -> Handed:
        """Both together."""
        return Handed(
            self.carried + other.carried,
            self.vanished + other.vanished,
            self.left + other.left,
            self.overruled + other.overruled,
        )


class _Logged(NamedTuple):
    """An update as another journal has it; sorts by when it was acknowledged."""

    at: str
    version: str
    sequence: int
    entry: Entry


@dataclass
class _Others:
    """What other journals hold that was not taken in yet."""

    since: str
    newer: list[_Logged] = field(default_factory=list)
    older: list[_Logged] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)

    def add(self, version: str, entries: Sequence[Entry], taken: int) -> None:
        for entry in entries:
            recent = entry["at"] >= self.since
            # What was carried into that journal stands in the one that it came from, too, which is
            # read as well unless all of it is older than the snapshot.
            known = entry["seq"] <= taken or (recent and entry.get("carried"))
            if not known and ("put" in entry or "delete" in entry):
                logged = _Logged(entry["at"], version, entry["seq"], entry)
                (self.newer if recent else self.older).append(logged)
                self.taken[version] = logged.sequence


def snapshot_of(bundle: IndexBundle) -> str:
    """When the products of a version were as they are; "" when it does not say."""
    found = bundle.manifest.config.get("snapshot")
    return stamp(datetime.fromisoformat(found)) if found else ""


def take_over(
    engine: Engine,
    root: Path,
    index: UpdatableIndex | None = None,
    *,
    everything: bool = False,
    final: bool = True,
) -> tuple[UpdatableIndex | None, Handed]:
    """Bring the freshly opened `engine` up to date with the journals of its root.

    Returns the index to serve, None while no update was ever made. With `everything` the snapshot
    does not count. Without `final`, or when its version is not the live one, the other journals
    stay open: the long part of the work, to be done before the version goes live.

    Raises:
        BundleError: a journal is damaged, or the encoder failed.
        ServingError: a journal cannot be written; the ones before stay in force.

    """
    version = engine.bundle.version
    own = journal_path(root, version)
    if not (root / JOURNALS_DIR).is_dir():
        return index, Handed()
    if index is None and own.exists():
        index = UpdatableIndex.open(engine, own)
    if not os.access(root / JOURNALS_DIR, os.W_OK):
        return index, Handed()  # another machine writes, and hands over
    since = "" if everything else snapshot_of(engine.bundle)
    others = [path for path in _journals(root) if path != own]
    fresh = [path for path in others if _may_hold(path, since)]
    if all(map(is_sealed, others)) and not fresh and not (index and index.sealed):
        return index, Handed()
    with _one_at_a_time(root):
        if index is None:
            index = UpdatableIndex.open(engine, own)
        index.refresh()
        found = _Others(since)
        for path in fresh:
            name, entries = read_journal(path)
            found.add(name, entries, index.taken.get(name, 0))
        handed = _carried(index, found, engine.bundle)
        if final and live(root) == version:
            handed = handed.plus(_sealed(index, others, since, version))
    return index, handed


def _sealed(index: UpdatableIndex, others: Iterable[Path], since: str, version: str) -> Handed:
    """Close the journals that were being written, and take what came in at the last moment."""
    with ExitStack() as stack:
        journals = []
        found = _Others(since)
        for path in others:
            if is_sealed(path):
                continue
            journal = Journal.open(path, path.stem)
            stack.callback(journal.close)
            entries = stack.enter_context(journal.owning())
            found.add(path.stem, entries, index.taken.get(path.stem, 0))
            journals.append(journal)
        handed = _carried(index, found, index.engine.bundle)
        for journal in journals:
            journal.append([{"sealed": version}])
    return handed


def _carried(index: UpdatableIndex, found: _Others, base: IndexBundle) -> Handed:
    overruled = _overruled(found, base)
    newer = _in_order(found.newer)
    vanished: list[str] = []
    for start in range(0, len(newer), _BATCH):
        updates = [update for entry in newer[start : start + _BATCH] for update in _updates(entry)]
        statuses = index.carry(updates, {})
        vanished += [
            update.id
            for update, status in zip(updates, statuses, strict=True)
            if status.outcome == "invalid"
            or (status.outcome == "not_found" and isinstance(update, Patch))
        ]
    if found.taken or index.sealed:
        index.carry([], found.taken)
    lost = tuple(dict.fromkeys(vanished))
    return Handed(len(newer) - len(lost), lost, len(found.older), overruled)


def _updates(entry: Entry) -> list[Update]:
    """What an entry asks for, on whichever version."""
    if "delete" in entry:
        return [Delete(entry["delete"])]
    if "patch" in entry:
        return [Patch(entry["put"]["id"], fields) for fields in entry["patch"]]
    return [Put(parse_product(entry["put"], f"journal entry {entry['seq']}"))]


def _overruled(found: _Others, base: IndexBundle) -> tuple[str, ...]:
    """Products whose last update is too old to be carried and not what the build has."""
    last = {updates[0].id: updates for updates in map(_updates, _in_order(found.older))}
    settled = {_updates(entry)[0].id for entry in _in_order(found.newer)}
    return tuple(
        name
        for name, updates in last.items()
        if name not in settled and not _shows(base, updates[-1])
    )


def _in_order(logged: list[_Logged]) -> list[Entry]:
    return [each.entry for each in sorted(logged, key=lambda each: each[:3])]


def _shows(base: IndexBundle, update: Update) -> bool:
    """Whether a version already has what an update says."""
    row = base.store.row(update.id)
    if row is None or isinstance(update, Delete):
        return (row is None) == isinstance(update, Delete)
    (product,) = base.store.products([row])
    if isinstance(update, Put):
        return update.product == product
    try:
        return patched(product, update.fields) == product
    except GradusError:
        return False


def _journals(root: Path) -> list[Path]:
    return sorted((root / JOURNALS_DIR).glob("*.ndjson"))


def _may_hold(path: Path, since: str) -> bool:
    """Whether a journal was written since; journals are never written otherwise than at the end."""
    return stamp(datetime.fromtimestamp(path.stat().st_mtime + 1, UTC)) >= since


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    # Who hands over holds two journals at once; two who do so the other way round would wait for
    # each other for ever.
    with (root / JOURNALS_DIR / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

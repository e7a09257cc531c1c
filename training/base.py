"""The pretrained encoder that a run starts from: which one it is, and what it has seen before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.artefact import MANIFEST, hash_file, read_manifest
from training.judges.seen import SEEN, refuse_seen_in, seen_queries
from training.model import is_checkpoint

ROLE = "base_model"
_KIND = "checkpoint"


@dataclass(frozen=True)
class Base:
    """A base model by its name, a hub id or a directory; without one the name is empty.

    `fingerprint` changes with the directory's files and is empty for a hub id; `seen` are hashes of
    the queries that an earlier training of ours has put into it.
    """

    name: str = ""
    fingerprint: str = ""
    seen: frozenset[str] = frozenset()

    @classmethod
    def of(cls, name: str) -> Base:
        """The base model of that name.

        Raises:
            TrainingError: its record of queries cannot be read.
            BundleError: a checkpoint of ours whose files are not what was written.

        """
        directory = Path(name)
        if not name or not directory.is_dir():
            return cls(name)
        known = (directory / SEEN).is_file()
        return cls(name, _fingerprint(directory), seen_queries(directory) if known else frozenset())

    @property
    def inputs(self) -> dict[str, str]:
        """What a run's record of its inputs says of the base."""
        return {ROLE: self.fingerprint} if self.fingerprint else {}

    def refuse_leaks(self, dev: Iterable[str], held_out: Sequence[Path]) -> None:
        """Raise JudgmentError when it has seen a query of the dev split or of a held-out file."""
        refuse_seen_in(self.seen, dev, held_out, self.name)


def _fingerprint(directory: Path) -> str:
    """Of a whole checkpoint that of its manifest, else a hash of all files of an encoder."""
    if not is_checkpoint(directory) and not (directory / "config.json").is_file():
        return ""  # nothing that could be loaded: that is said elsewhere
    if is_checkpoint(directory) and (directory / MANIFEST).is_file():
        return read_manifest(directory, _KIND).fingerprint
    names = [path.relative_to(directory) for path in sorted(directory.rglob("*")) if path.is_file()]
    lines = [
        f"{name.as_posix()}\0{hash_file(directory / name)}\n"
        for name in names
        if not any(part.startswith(".") for part in name.parts)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()

"""Artefacts: directories with a `manifest.json`, written whole or not at all, verified on reading.

Writing goes to a temporary sibling that is fsynced and renamed, so a reader never sees half an
artefact, and a killed writer leaves nothing but a hidden directory that the next writer clears.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from catalog.errors import BundleError, HashMismatch, MissingFile, SchemaTooNew

MANIFEST = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True)
class Manifest:
    """What an artefact says of itself.

    `files` maps each relative path to its sha256; `parents` maps a role (`checkpoint`, `encoder`,
    `products` …) to the fingerprint of what this artefact was made from; `config` is the effective
    configuration; `quality` what was measured when it was made; `libraries` the versions used.
    """

    kind: str
    schema: int
    created: str
    files: Mapping[str, str]
    parents: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Sha256 over the names and hashes of all files: equal contents, equal fingerprint."""
        lines = "".join(f"{name}\0{digest}\n" for name, digest in sorted(self.files.items()))
        return hashlib.sha256(f"{self.kind}\n{lines}".encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def writing(out: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `out`; on success fsync it and rename it to `out`.

    An artefact already at `out` is replaced. On an exception nothing at `out` changes and the
    temporary directory is removed. The caller ends with `write_manifest`.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        sync_tree(temporary)
        replace_directory(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_manifest(
    directory: Path,
    kind: str,
    *,
    parents: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    quality: Mapping[str, Any] | None = None,
    libraries: Iterable[str] = (),
) -> Manifest:
    """Hash every file below `directory`, write the manifest, return it."""
    files = {
        path.relative_to(directory).as_posix(): hash_file(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path != directory / MANIFEST
    }
    manifest = Manifest(
        kind=kind,
        schema=SCHEMA,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=files,
        parents=dict(parents or {}),
        config=dict(config or {}),
        quality=dict(quality or {}),
        libraries={name: _version(name) for name in libraries},
    )
    body = {"fingerprint": manifest.fingerprint, **manifest.__dict__}
    (directory / MANIFEST).write_text(json.dumps(body, indent=2) + "\n")
    return manifest


def read_manifest(directory: Path, kind: str, *, verify: bool = True) -> Manifest:
    """Read the manifest of an artefact; with `verify`, hash every file it lists.

    Raises:
        MissingFile: no manifest, or a listed file is gone.
        SchemaTooNew: written by a newer Gradus.
        HashMismatch: a file is not what was written.
        BundleError: not an artefact of this kind, or an unreadable manifest.
    """
    path = directory / MANIFEST
    if not path.is_file():
        raise MissingFile(
            "no manifest.json here",
            where=directory,
            expected=f"a Gradus {kind}",
            hint=f"Check the path, or build the {kind} again.",
        )
    try:
        body = json.loads(path.read_text())
        body.pop("fingerprint", None)
        manifest = Manifest(**body)
    except (ValueError, TypeError, AttributeError) as error:
        raise BundleError(
            f"the manifest cannot be read: {error}",
            where=path,
            hint="The file is damaged or from a newer version; build the artefact again.",
        ) from error
    _check_kind(manifest, kind, directory)
    if verify:
        verify_files(directory, manifest)
    return manifest


def verify_files(directory: Path, manifest: Manifest) -> None:
    """Hash every file the manifest lists and compare. Raises MissingFile or HashMismatch."""
    for name, digest in manifest.files.items():
        path = directory / name
        if not path.is_file():
            raise MissingFile(
                "a file of the artefact is missing",
                where=path,
                hint="Restore it from a copy or build the artefact again.",
            )
        found = hash_file(path)
        if found != digest:
            raise HashMismatch(
                "the file is not what was written (truncated or changed)",
                where=path,
                expected=f"sha256 {digest[:12]}…",
                found=f"{found[:12]}… ({path.stat().st_size} bytes)",
                hint="Restore it from a copy or build the artefact again.",
            )


def _check_kind(manifest: Manifest, kind: str, directory: Path) -> None:
    if manifest.schema > SCHEMA:
        raise SchemaTooNew(
            "the artefact was written by a newer Gradus",
            where=directory,
            expected=f"schema <= {SCHEMA}",
            found=str(manifest.schema),
            hint="Upgrade Gradus here, or build the artefact with this version.",
        )
    if manifest.kind != kind:
        raise BundleError(
            "this is another kind of artefact",
            where=directory,
            expected=kind,
            found=manifest.kind,
            hint=f"Give the path of a {kind}.",
        )


def replace_directory(source: Path, target: Path) -> None:
    """Rename `source` to `target`, moving an existing directory out of the way first."""
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
        os.rename(target, old / "old")
        os.rename(source, target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(source, target)
    _sync(target.parent)


def sync_tree(directory: Path) -> None:
    """Fsync every file and directory below `directory`, so that the rename is the commit."""
    for path in directory.rglob("*"):
        _sync(path)
    _sync(directory)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"

"""Artefacts: directories with a `manifest.json`, verified on reading (writing: catalog.atomic)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from catalog.atomic import MANIFEST, replace_directory, sync_tree, writing
from catalog.errors import BundleError, HashMismatch, MissingFile, SchemaTooNew

__all__ = [
    "MANIFEST",
    "SCHEMA",
    "Manifest",
    "hash_file",
    "read_manifest",
    "replace_directory",
    "sync_tree",
    "verify_files",
    "write_manifest",
    "writing",
]

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
    (directory / MANIFEST).write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    return manifest


def read_manifest(directory: Path, kind: str, *, verify: bool = True) -> Manifest:
    """Read the manifest of an artefact; with `verify`, hash every file it lists.

    Raises:
        MissingFile: no manifest, or a listed file is gone.
        SchemaTooNew: written by a newer Gradus.
        HashMismatch: a file, or the list of files itself, is not what was written.
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
    manifest, fingerprint = _parse_manifest(path)
    _check_kind(manifest, kind, directory)
    if manifest.fingerprint != fingerprint:
        raise HashMismatch(
            "the manifest was changed after it was written",
            where=path,
            expected=f"fingerprint {fingerprint[:12]}…",
            found=f"{manifest.fingerprint[:12]}…",
            hint="Restore it from a copy or build the artefact again.",
        )
    if verify:
        verify_files(directory, manifest)
    return manifest


def _parse_manifest(path: Path) -> tuple[Manifest, str]:
    """The manifest and the fingerprint noted in it. Raises SchemaTooNew or BundleError."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        _check_schema(body["schema"], path)
        fingerprint = body.pop("fingerprint")
        manifest = Manifest(**body)
        if not all(isinstance(text, str) for text in (fingerprint, manifest.kind)):
            raise TypeError("kind and fingerprint must be texts")
        for name, digest in manifest.files.items():
            _check_entry(name, digest)
    except (ValueError, TypeError, AttributeError, KeyError, OSError) as error:
        raise BundleError(
            f"the manifest cannot be read: {type(error).__name__}: {error}",
            where=path,
            hint="The file is damaged; build the artefact again.",
        ) from error
    return manifest, fingerprint


def _check_schema(schema: int, path: Path) -> None:
    # First of all: a newer manifest may hold keys that this version does not know.
    if schema > SCHEMA:
        raise SchemaTooNew(
            "the artefact was written by a newer Gradus",
            where=path.parent,
            expected=f"schema <= {SCHEMA}",
            found=str(schema),
            hint="Upgrade Gradus here, or build the artefact with this version.",
        )


def _check_entry(name: str, digest: str) -> None:
    if not isinstance(digest, str):
        raise TypeError(f"the hash of {name} must be a text")
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{name} lies outside the artefact")


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
    if manifest.kind != kind:
        raise BundleError(
            "this is another kind of artefact",
            where=directory,
            expected=kind,
            found=manifest.kind,
            hint=f"Give the path of {'an' if kind[0] in 'aeiou' else 'a'} {kind}.",
        )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"

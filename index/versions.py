"""Versions of an index under one root, and the link that says which one is live.

ROOT/versions/2026-11-20T02-00-00Z-3f9c/    a whole index, never edited
ROOT/current -> versions/2026-11-20T02-00-00Z-3f9c
ROOT/previous -> versions/2026-11-19T02-00-00Z-a0d1      what was live before: where rollback goes
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from catalog.artefact import MANIFEST, read_manifest
from catalog.errors import GradusError, MissingFile

KIND = "index"
VERSIONS = "versions"
CURRENT = "current"
PREVIOUS = "previous"


@dataclass(frozen=True)
class Version:
    """One line of `gradus index list`; `problem` is empty when the manifest can be read."""

    name: str
    live: bool
    created: str = ""
    products: int = 0
    calibration: str = ""
    problem: str = ""


def new_version(root: Path, now: datetime | None = None) -> Path:
    """A directory name for the next version: UTC time and four random hex digits."""
    stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H-%M-%SZ")
    return root / VERSIONS / f"{stamp}-{secrets.token_hex(2)}"


def resolve(path: Path) -> Path:
    """The version directory that `path` means: itself, or the live version of a root.

    Raises MissingFile when there is no index here, or none is live.
    """
    if (path / MANIFEST).is_file():
        return path.resolve()
    if (path / CURRENT / MANIFEST).is_file():
        return (path / CURRENT).resolve()
    if (path / VERSIONS).is_dir():
        raise MissingFile(
            "no version of this index is live",
            where=path,
            hint="Choose one of `gradus index list --index ROOT` and publish it: "
            "`gradus index publish VERSION --index ROOT`.",
        )
    raise MissingFile(
        "there is no index here",
        where=path,
        expected="a directory that `gradus index build --out` wrote, or one of its versions",
    )


def publish(root: Path, name: str) -> None:
    """Make version `name` the live one: one rename, readers see the old link or the new.

    Raises MissingFile when there is no such version.
    """
    find_version(root, name)
    before = live(root)
    if before not in (None, name):
        _point(root, PREVIOUS, str(before))
    _point(root, CURRENT, name)


def before_live(root: Path) -> str:
    """Name of the version that was live before this one: where a rollback goes.

    Raises MissingFile when none was, or it has been removed.
    """
    link = root / PREVIOUS
    if not link.is_symlink():
        raise MissingFile(
            "no version was live before this one",
            where=root,
            hint="Choose one of `gradus index list --index ROOT` and publish it: "
            "`gradus index publish VERSION --index ROOT`.",
        )
    return find_version(root, Path(os.readlink(link)).name).name


def _point(root: Path, name: str, version: str) -> None:
    link = root / f".{name}.{secrets.token_hex(4)}"
    link.symlink_to(Path(VERSIONS) / version)
    os.replace(link, root / name)


def find_version(root: Path, name: str) -> Path:
    """Directory of version `name`. Raises MissingFile when there is none."""
    directory = root / VERSIONS / name
    if name != Path(name).name or not (directory / MANIFEST).is_file():
        held = sorted(path.name for path in _version_directories(root))
        raise MissingFile(
            f"there is no version {name!r}",
            where=root,
            expected=f"one of {', '.join(held)}" if held else "a version",
            hint="" if held else "Build one with `gradus index build`.",
        )
    return directory


def live(root: Path) -> str | None:
    """Name of the live version, None when there is none."""
    link = root / CURRENT
    return Path(os.readlink(link)).name if link.is_symlink() else None


def list_versions(root: Path) -> list[Version]:
    """All versions, newest first. Raises MissingFile when `root` holds no versions."""
    if not (root / VERSIONS).is_dir():
        raise MissingFile(
            "there are no versions here",
            where=root,
            expected="a directory that `gradus index build --out` wrote",
        )
    current = live(root)
    return [
        _describe(path, path.name == current)
        for path in sorted(_version_directories(root), reverse=True)
    ]


def _describe(path: Path, is_live: bool) -> Version:
    try:
        manifest = read_manifest(path, KIND, verify=False)
    except GradusError as error:
        return Version(path.name, is_live, problem=error.what)
    return Version(
        path.name,
        is_live,
        created=manifest.created,
        products=int(manifest.quality.get("products", 0)),
        calibration=str(manifest.quality.get("calibration", {}).get("name", "")),
    )


def _version_directories(root: Path) -> list[Path]:
    if not (root / VERSIONS).is_dir():
        return []
    return [
        path
        for path in (root / VERSIONS).iterdir()
        if path.is_dir() and not path.name.startswith(".")
    ]

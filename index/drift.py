"""How far scores may move when another version goes live: what differs from the one that is.

Live updates leave statistics and calibration alone, a rebuild takes fresh ones. Publishing reports
what that changes and refuses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.artefact import read_manifest
from catalog.errors import GradusError
from index.calibration import PARTS, Calibration, Part
from index.lexical import LexicalIndex, idf
from index.shards import LEXICAL_DIR, shard_directories
from index.versions import KIND, find_version, live
from index.words.unwanted import MARK

COMMON = 10  # products that hold a term, from which its change counts for the largest


@dataclass(frozen=True)
class Shift:
    """A number of the version that was live, and of the one that goes live."""

    before: float
    after: float


@dataclass(frozen=True)
class IdfDrift:
    """What became of the weights of terms.

    `shared` terms are in both versions; `mean_change` is the mean absolute change of their idf,
    each weighing as many products as hold it (the mean of both versions), 0 where none is shared.
    `largest_change`, with its sign, is that of `largest_term`, among the terms that ten products of
    either version hold; None where none of them changed. `came` and `went` are in one alone.
    """

    shared: int
    mean_change: float
    largest_change: float | None
    largest_term: str | None
    came: int
    went: int


@dataclass(frozen=True)
class Changes:
    """Products, mean words of a field where it is filled, idf, alpha, tier cuts, encoder.

    `mean_lengths` by field, a field of one version alone left out; `cuts` by part of the
    calibration, then tier, as least relevance; `same_encoder` by fingerprint.
    """

    products: Shift
    mean_lengths: dict[str, Shift]
    idf: IdfDrift
    alpha: Shift
    cuts: dict[str, dict[str, Shift]]
    same_encoder: bool


@dataclass(frozen=True)
class Drift:
    """What changes against the version `live`; None with the `problem` where it cannot be read."""

    live: str
    changes: Changes | None
    problem: str = ""


def drift_from_live(root: Path, name: str) -> Drift | None:
    """Compare version `name` with the live one; None where none is live, or it is that one.

    Raises MissingFile when there is no version `name`, BundleError when it cannot be read.
    """
    before = live(root)
    if before in (None, name):
        return None
    after = _Frozen.read(find_version(root, name))
    try:
        return Drift(str(before), _changes(_Frozen.read(find_version(root, str(before))), after))
    except GradusError as error:  # a live version of an older form, or a damaged one, may go
        return Drift(str(before), None, error.what)


@dataclass(frozen=True)
class _Frozen:
    """What all scores of a version rest on."""

    lexical: LexicalIndex
    calibration: Calibration
    encoder: str

    @classmethod
    def read(cls, directory: Path) -> _Frozen:
        manifest = read_manifest(directory, KIND, verify=False)
        # Every shard has the statistics of all.
        first = shard_directories(directory, int(manifest.config.get("shards", 1)))[0]
        return cls(
            LexicalIndex.load(first / LEXICAL_DIR),
            Calibration.load(directory),
            str(manifest.parents.get("encoder", "")),
        )


def _changes(before: _Frozen, after: _Frozen) -> Changes:
    old, new = before.lexical.statistics, after.lexical.statistics
    return Changes(
        products=Shift(old.products, new.products),
        mean_lengths={
            name: Shift(old.mean_lengths[name], length)
            for name, length in new.mean_lengths.items()
            if name in old.mean_lengths
        },
        idf=idf_drift(before.lexical, after.lexical),
        alpha=Shift(before.calibration.alpha, after.calibration.alpha),
        cuts=dict(_cuts(before.calibration, after.calibration)),
        same_encoder=before.encoder == after.encoder,
    )


def _cuts(before: Calibration, after: Calibration) -> Iterator[tuple[str, dict[str, Shift]]]:
    # Where one of them has cuts by wishes, the other's for all queries stand beside them.
    numbers = max(len(before.wishes), len(after.wishes))
    parts: list[tuple[str, Part, int]] = [(part, part, numbers) for part in PARTS]
    for wishes in range(numbers):
        parts.append((f"hybrid, wishes: {wishes}", "hybrid", wishes))
        parts.append((f"half known, wishes: {wishes}", "half_known", wishes))
    for name, part, wishes in parts:
        old, new = (vars(one.part(part, wishes).thresholds) for one in (before, after))
        yield name, {tier: Shift(old[tier], cut) for tier, cut in new.items()}


def idf_drift(before: LexicalIndex, after: LexicalIndex) -> IdfDrift:
    """Change of the idf of every term that both indexes hold."""
    place, held = (
        # What products lack is no word of theirs (`index.words.unwanted`).
        {term: at for at, term in enumerate(index.vocabulary) if not term.startswith(MARK)}
        for index in (before, after)
    )
    terms = [term for term in held if term in place]
    old, old_frequency = _weights(before, [place[term] for term in terms])
    new, new_frequency = _weights(after, [held[term] for term in terms])
    change = new - old
    weight = (old_frequency + new_frequency) / 2
    common = np.flatnonzero((np.maximum(old_frequency, new_frequency) >= COMMON) & (change != 0.0))
    at = int(common[np.abs(change[common]).argmax()]) if len(common) else None
    return IdfDrift(
        shared=len(terms),
        mean_change=float(np.average(np.abs(change), weights=weight)) if terms else 0.0,
        largest_change=None if at is None else float(change[at]),
        largest_term=None if at is None else terms[at],
        came=len(held) - len(terms),
        went=len(place) - len(terms),
    )


def _weights(
    index: LexicalIndex, numbers: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    frequency = np.asarray(index.statistics.frequency)[np.array(numbers, np.int64)]
    return idf(frequency, index.statistics.products), frequency.astype(np.float64)


def drift_lines(drift: Drift | None) -> list[str]:
    """The drift for a terminal, a line a subject; nothing where nothing was live."""
    if drift is None:
        return []
    if drift.changes is None:
        return [f"not compared with the live {drift.live}: {drift.problem}"]
    return [f"against the live {drift.live}:", *(f"  {line}" for line in _told(drift.changes))]


def _told(changes: Changes) -> Iterator[str]:
    count = changes.products
    yield f"products {count.before:,} -> {count.after:,}"
    lengths = (f"{name} {_shift(one, 1)}" for name, one in changes.mean_lengths.items())
    yield f"mean words: {', '.join(lengths)}"
    found = changes.idf
    line = f"idf: {found.mean_change:.3f} mean change of {found.shared:,} shared terms"
    if found.largest_term is not None:
        line += f", largest {found.largest_change:+.3f} of {found.largest_term!r}"
    yield f"{line}; {found.came:,} terms came, {found.went:,} went"
    yield f"alpha {_shift(changes.alpha, 2)}"
    for part, cuts in changes.cuts.items():
        told = ", ".join(f"{tier} {_shift(cut, 3)}" for tier, cut in cuts.items())
        yield f"cuts, {part.replace('_', ' ')}: {told}"
    yield "encoder: the same" if changes.same_encoder else "encoder: another one"


def _shift(shift: Shift, digits: int) -> str:
    before, after = f"{shift.before:.{digits}f}", f"{shift.after:.{digits}f}"
    return before if before == after else f"{before} -> {after}"

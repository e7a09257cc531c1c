"""Queries that an index has met before: its figures on them flatter."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import JudgmentError
from catalog.split import query_hash
from index.engine import Engine


@dataclass(frozen=True)
class Seen:
    """Of the queries to judge by, those that trained the encoder and those that calibrated."""

    trained: tuple[str, ...]
    calibrated: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """As the report has them."""
        return {"trained": len(self.trained), "calibrated": len(self.calibrated)}


def seen(engine: Engine, queries: Iterable[str], trained: Collection[str]) -> Seen:
    """Which of `queries` the index has seen; `trained` are hashes of those that the encoder saw."""
    hashes = {query: query_hash(query) for query in queries}
    calibrated = frozenset(engine.calibration.queries)
    return Seen(
        tuple(query for query, one in hashes.items() if one in trained),
        tuple(query for query, one in hashes.items() if one in calibrated),
    )


def check_unseen(engine: Engine, queries: Collection[str], where: Path) -> None:
    """Refuse queries of the file `where` that this index has seen. Raises JudgmentError."""
    found = seen(engine, queries, trained_on(engine))
    both = dict.fromkeys((*found.trained, *found.calibrated))
    if not both:
        return
    example, more = next(iter(both)), f" and {len(both) - 1} more" if len(both) > 1 else ""
    raise JudgmentError(
        f"{len(both)} of {len(queries)} queries have been seen by index {engine.bundle.version}: "
        f"{len(found.trained)} trained its encoder, {len(found.calibrated)} calibrated it",
        where=where,
        expected="queries that neither trained nor calibrated it",
        found=f"{example!r}{more}",
        hint="Judge by others, or pass --allow-in-sample: the figures flatter, and say so.",
    )


def trained_on(engine: Engine) -> frozenset[str]:
    """Hashes of the queries that trained the encoder; none where it keeps no record."""
    hashes: frozenset[str] = getattr(engine.encoder, "train_queries", frozenset())
    return hashes

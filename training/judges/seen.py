"""Which queries an artefact was trained with, so that none of them measures it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from catalog.errors import JudgmentError, TrainingError
from catalog.readers import read_judgments
from catalog.split import query_hash

SEEN = "train_queries.json"


def seen_queries(artefact: Path) -> frozenset[str]:
    """Hashes of the queries that a checkpoint or judge was made with. Raises TrainingError."""
    path = artefact / SEEN
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return frozenset(str(one) for one in found)
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"cannot be read: {error}", where=path) from error


def refuse_seen(seen: frozenset[str], held_out: Iterable[str], where: str | Path) -> None:
    """Raise JudgmentError when a query that is to measure was there in training."""
    leaked = sorted(query for query in held_out if query_hash(query) in seen)
    if leaked:
        raise JudgmentError(
            f"{len(leaked)} of the held-out queries have trained it: they would flatter it",
            where=where,
            found=", ".join(repr(query) for query in leaked[:3]),
            hint="Measure on other queries; start from a checkpoint made without these "
            "(without --qrels, for one); or go without a dev split (--dev-fraction 0 for a judge, "
            "--set dev_fraction=0 for an encoder).",
        )


def refuse_seen_in(
    seen: frozenset[str], dev: Iterable[str], held_out: Sequence[Path], where: str | Path
) -> None:
    """As `refuse_seen`, for the queries of the dev split and those of held-out files."""
    refuse_seen(seen, dev, where)
    for path in held_out if seen else ():
        refuse_seen(seen, {one.query for one in read_judgments(path)}, where)

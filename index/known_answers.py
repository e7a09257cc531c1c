"""A self-test that travels with an index: does this machine answer as the one that built it did?

Integer kernels differ between processors. A score that has moved by a little shifts tiers without
an error anywhere; a few known answers tell at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from catalog.errors import BundleError
from index.engine import Engine
from index.request import Hit, SearchRequest

KNOWN_FILE = "known_answers.json"
QUERIES = 8
_KEPT, _LOOKED_AT = 5, 20
# Above what sums in another order leave, below what a saturating kernel does to a vector.
MAX_SEMANTIC_STEP = 0.02
MIN_SAME_TIERS = 0.9


@dataclass(frozen=True)
class KnownHit:
    """A product that was found for a query, its semantic score (None without one) and its tier."""

    query: str
    id: str
    semantic: float | None
    tier: str


@dataclass(frozen=True)
class KnownAnswers:
    """What the first hits of a few queries were when the index was built."""

    hits: tuple[KnownHit, ...]

    @classmethod
    def of(cls, engine: Engine, texts: Iterable[str]) -> KnownAnswers:
        """Ask for each text."""
        return cls(
            tuple(
                KnownHit(text, hit.id, _semantic(hit), hit.tier)
                for text in texts
                for hit in _found(engine, text, _KEPT)
            )
        )

    def save(self, directory: Path) -> None:
        """Write `known_answers.json` into `directory`."""
        body = [asdict(hit) for hit in self.hits]
        (directory / KNOWN_FILE).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> KnownAnswers:
        """Read the file; nothing is known where there is none. Raises BundleError."""
        path = directory / KNOWN_FILE
        if not path.is_file():
            return cls(())
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            return cls(tuple(KnownHit(**hit) for hit in body))
        except (OSError, ValueError, TypeError) as error:
            raise BundleError(f"the known answers cannot be read: {error}", where=path) from error

    def check(self, engine: Engine) -> None:
        """Ask again. Raises BundleError when scores or tiers are not what they were."""
        engine, same = engine.plain(), 0  # rules may have changed since
        for text in dict.fromkeys(hit.query for hit in self.hits):
            found = {hit.id: hit for hit in _found(engine, text, _LOOKED_AT)}
            for known in (hit for hit in self.hits if hit.query == text):
                now = found.get(known.id)
                same += now is not None and now.tier == known.tier
                _compare(known, now, engine.bundle.directory)
        if same < MIN_SAME_TIERS * len(self.hits):
            raise BundleError(
                "this machine puts products into other tiers than the one that built the index",
                where=engine.bundle.directory,
                expected=f"the tiers of {MIN_SAME_TIERS:.0%} of {len(self.hits)} known hits",
                found=str(same),
                hint="Build the index again with an fp32 encoder, or on a machine like this one.",
            )


def _compare(known: KnownHit, now: Hit | None, where: Path) -> None:
    semantic = None if now is None else _semantic(now)
    if semantic is None or known.semantic is None:
        return
    if abs(semantic - known.semantic) > MAX_SEMANTIC_STEP:
        raise BundleError(
            "this machine computes other scores than the one that built the index, for the query "
            f"{known.query!r} and product {known.id!r}",
            where=where,
            expected=f"semantic score {known.semantic:.4f} ± {MAX_SEMANTIC_STEP}",
            found=f"{semantic:.4f}",
            hint="Build the index again with an fp32 encoder, or on a machine like this one.",
        )


def _found(engine: Engine, text: str, limit: int) -> tuple[Hit, ...]:
    request = SearchRequest(text, limit=limit, min_tier="irrelevant", exact=True, explain=True)
    return engine.search(request).hits


def _semantic(hit: Hit) -> float | None:
    if hit.explain is None or hit.explain.semantic is None:
        return None
    return round(hit.explain.semantic, 6)

"""What another version of the index goes through before it serves, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from catalog.errors import BundleError, GradusError, QueryError
from index.engine import Engine
from index.live.handover import Handed
from index.request import SearchRequest
from service import logs, metrics

_WARM_UP_SECONDS = 5.0
_NAMED = 20  # products that a log line names


def tell(handed: Handed, version: str) -> None:
    """What became of updates of other versions: counted, logged, the lost ones by name."""
    if handed == Handed():
        return
    counts = {
        "carried": handed.carried,
        "vanished": len(handed.vanished),
        "left": handed.left,
        "overruled": len(handed.overruled),
    }
    for outcome, count in counts.items():
        metrics.UPDATES_CARRIED.labels(outcome).inc(count)
    fields = {
        "version": version,
        **counts,
        "vanished_ids": handed.vanished[:_NAMED],
        "overruled_ids": handed.overruled[:_NAMED],
    }
    say = logs.service.warning if handed.vanished or handed.overruled else logs.service.info
    say("live updates were handed over to another version", extra={"fields": fields})


def warm_up(engine: Engine, recorded: Iterable[SearchRequest]) -> None:
    """Run searches that were asked lately, for a few seconds at most.

    Raises BundleError when one of them has no vector or no answer.
    """
    until = monotonic() + _WARM_UP_SECONDS
    for request in recorded:
        if monotonic() > until:
            return
        try:
            # A filter that this index cannot read is the shopper's trouble, not the index's.
            with suppress(QueryError):
                engine.search(replace(request, offset=0))
        except GradusError:
            raise
        except Exception as error:
            raise BundleError(
                f"the index opens but cannot answer: {type(error).__name__}: {error}",
                where=engine.bundle.directory,
                hint="Build the index again.",
            ) from error

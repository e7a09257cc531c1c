"""A judge for a training: one that knows nothing of what must stay unseen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catalog.model import Product
from training.judges.opening import OpenJudge, open_judge
from training.judges.seen import refuse_seen_in


@contextmanager
def opened_unseen(
    path: Path | None, products: Sequence[Product], dev: Iterable[str], held_out: Sequence[Path]
) -> Iterator[OpenJudge | None]:
    """The judge at `path`, None without one.

    Raises:
        JudgmentError: it was trained on a query of the dev split or of a held-out file.
        TrainingError, BundleError: it cannot be used.

    """
    if path is None:
        yield None
        return
    with open_judge(path, products) as opened:
        refuse_seen_in(opened.seen, dev, held_out, path)
        yield opened

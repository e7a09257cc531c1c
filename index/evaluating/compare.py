"""Two sides to compare, each an index or a file of per-query figures, brought to one order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from catalog.errors import GradusError
from index.bundle import IndexBundle
from index.calibration import MODES
from index.evaluating.figures import FIGURES, Figures
from index.evaluating.summary import compared

_SHOWN = 3


def compare(ours: Figures, theirs: Figures, first: str, second: str) -> dict[str, Any]:
    """Every figure of both and `first - second` with its paired interval, by mode.

    Raises:
        GradusError: the two were not measured with the same queries and judgments.

    """
    missing = [query for query in ours.queries if query not in set(theirs.queries)]
    more = [query for query in theirs.queries if query not in set(ours.queries)]
    if missing or more:
        raise GradusError(
            "the two sides were measured with different queries",
            expected="the same queries on both",
            found=f"{_some(missing)} only in {first}, {_some(more)} only in {second}",
            hint="Evaluate both with one judgment file.",
        )
    place = {query: row for row, query in enumerate(theirs.queries)}
    order = np.array([place[query] for query in ours.queries], np.int64)
    judged = tuple(theirs.judged[row] for row in order)
    if judged != ours.judged:
        query, one, other = next(
            (q, a, b) for q, a, b in zip(ours.queries, ours.judged, judged, strict=True) if a != b
        )
        raise GradusError(
            f"the two sides were measured with different judgments of {query!r}",
            expected=f"{one} judged products, as in {first}",
            found=f"{other} in {second}",
            hint="Evaluate both with one judgment file and the same products.",
        )
    values = {mode: {name: theirs.values[mode][name][order] for name in FIGURES} for mode in MODES}
    theirs = replace(theirs, queries=ours.queries, judged=judged, values=values)
    return compared(ours, theirs, {"first": first, "second": second})


def check_same_products(ours: IndexBundle, theirs: IndexBundle) -> None:
    """Two indexes are compared on one catalogue or not at all.

    Raises:
        GradusError: one holds a product that the other does not.

    """
    only_ours = sorted(set(ours.store.ids) - set(theirs.store.ids))
    only_theirs = sorted(set(theirs.store.ids) - set(ours.store.ids))
    if only_ours or only_theirs:
        raise GradusError(
            "the two indexes hold different products",
            expected="the same catalogue in both",
            found=f"{_some(only_ours)} only in {ours.version}, "
            f"{_some(only_theirs)} only in {theirs.version}",
            hint="Build both from the same product files.",
        )


def _some(names: list[str]) -> str:
    if not names:
        return "0"
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return f"{len(names):,} ({shown}{', …' if len(names) > _SHOWN else ''})"

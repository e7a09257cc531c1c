"""Tiers as a shopper meets them: on the hits that are returned, not on the pairs that were judged.

The first twenty hits of a query that reach `substitute`. One that nobody judged counts as
irrelevant, so that every figure here errs on the side of less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catalog.measures import bootstrap_mean, bootstrap_share
from catalog.model import Grade
from index.calibration import Mode
from index.evaluating.asking import Answers
from index.evaluating.forecasts import Forecasts


def returned_reports(answers: Mapping[Mode, Answers], queries: int) -> dict[str, Any]:
    """Mode → what is so of its returned hits; see `returned_report`."""
    return {mode: returned_report(one.shown, queries) for mode, one in answers.items()}


def returned_report(shown: Forecasts, queries: int) -> dict[str, Any]:
    """Size, accuracy of tiers, and how many of the hits shown as exact are.

    `shown` are the first twenty hits of each of so many queries, whatever their tier. `judged` is a
    share of `hits`; `accuracy` and `precision` are over hits, `accuracy_by_query` has every query
    with a hit weigh the same: mean with its bootstrap interval over queries, null where none is.
    """
    seen, exact = shown.tier > 0, shown.tier == Grade.EXACT
    right = seen & (shown.tier == shown.grade)
    counts, hits_right = (np.bincount(shown.query[one], minlength=queries) for one in (seen, right))
    called = np.bincount(shown.query[exact], minlength=queries)
    truly = np.bincount(shown.query[exact & right], minlength=queries)
    each = np.divide(hits_right, counts, out=np.full(queries, np.nan), where=counts > 0)
    return {
        "hits": int(seen.sum()),
        "judged": float(shown.judged[seen].mean()) if seen.any() else None,
        "accuracy": bootstrap_share(hits_right, counts).record(),
        "accuracy_by_query": bootstrap_mean(each).record(),
        "exact": {
            "hits": int(exact.sum()),
            "queries": int((called > 0).sum()),
            "precision": bootstrap_share(truly, called).record(),
        },
    }

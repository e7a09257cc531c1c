"""How a search looks for candidates among the rows that pass a filter, in words.

The arms choose by the number of rows that pass (`DenseArm.looks_at_all`, `Graph.propose`):

- `exact_scan`   every passing row is scored
- `masked_scan`  the scan of half a byte a dimension, over passing rows alone
- `over_fetch`   the graph is asked for more, by the share that passes, again until there are enough
- `masked_graph` the graph is walked past rows that do not pass
- `masked_postings`  words alone are searched: postings of passing rows

Whichever it is, each arm gives its best c of the passing rows, and pairs score as ever.
"""

from __future__ import annotations

from index.calibration import Mode
from index.dense import DenseArm
from index.subset import Subset

NOTHING_PASSES = "no product passes"


def filter_plan(
    dense: DenseArm, mode: Mode, among: Subset, count: int, *, exact: bool
) -> dict[str, str]:
    """The part `filter` of a plan, and how many products pass."""
    passing = len(among)
    if not passing:
        return {"filter": NOTHING_PASSES, "filter_passing": "0"}
    plan = "masked_postings" if mode == "lexical" else dense.way(count, among, exact=exact)
    return {"filter": plan, "filter_passing": str(passing)}

"""What the slices are worth: their sizes, their figures, and whether lexical search beats them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog.measures import evaluate_run
from index.calibration import MODES, Mode
from index.evaluating.asking import Answers, Qrels
from index.evaluating.figures import Figures
from index.evaluating.overlap import Overlap
from index.evaluating.slices import PRODUCT_SLICES, ProductSlice, Slice, on_products
from index.evaluating.summary import differences, means

ENOUGH = 15  # queries; a smaller slice is shown, and nothing is concluded from it
SLICE_FIGURES = ("ndcg@10", "recall@100")


def slice_report(figures: Figures, slices: Sequence[Slice]) -> list[dict[str, Any]]:
    """A record a slice of queries; see docs/evaluation.md for its fields."""
    return [
        {
            **_head(one.group, one.name, one.how, int(one.rows.sum())),
            "modes": means(figures, SLICE_FIGURES, one.rows),
            "difference_to_lexical": differences(figures, SLICE_FIGURES, one.rows),
        }
        for one in slices
    ]


def product_slice_report(
    qrels: Qrels, answers: Mapping[Mode, Answers], overlaps: Mapping[str, Overlap]
) -> list[dict[str, Any]]:
    """A record a slice of products, of the same fields and `products`, the judged pairs in it."""
    return [_of_products(qrels, answers, overlaps, part) for part in PRODUCT_SLICES]


def below_lexical(record: Mapping[str, Any], mode: str) -> list[str]:
    """The figures by which `mode` is significantly below lexical search, in a slice of enough."""
    found = record["difference_to_lexical"][mode]
    return [name for name in found if record["enough"] and found[name]["verdict"] == "worse"]


def _of_products(
    qrels: Qrels,
    answers: Mapping[Mode, Answers],
    overlaps: Mapping[str, Overlap],
    part: ProductSlice,
) -> dict[str, Any]:
    kept: dict[str, dict[str, int]] = {}
    values = {}
    for mode in MODES:
        kept, run = on_products(qrels, answers[mode].rankings, overlaps, part)
        values[mode] = evaluate_run(kept, run)
    sizes = tuple(len(grades) for grades in kept.values())
    figures = Figures(tuple(kept), sizes, values, ((),) * len(kept))
    return {
        **_head(part.group, part.name, part.how, len(kept)),
        "products": sum(sizes),
        "modes": means(figures, SLICE_FIGURES),
        "difference_to_lexical": differences(figures, SLICE_FIGURES),
    }


def _head(group: str, name: str, how: str, queries: int) -> dict[str, Any]:
    return {
        "group": group,
        "name": name,
        "how": how,
        "queries": queries,
        "enough": queries >= ENOUGH,
    }

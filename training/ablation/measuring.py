"""What an encoder is worth on test queries: retrieval, margins, and scores by grade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from catalog.measures import evaluate_run
from training.embed import embed_texts
from training.mined_search import nearest
from training.model import TwinEncoder
from training.separation import OVERLAP, title_share

DEPTHS = (10, 50, 100)
MARGINS = ("avg_margin", "worst_margin", "avg_margin_all", "worst_margin_all")
Graded = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True)
class Measured:
    """Per query, (queries,) float64 each, NaN where undefined; `cosines` by grade, all pairs.

    `values` holds ndcg, recall and precision at 10, 50 and 100, `avg_margin` (mean cosine of grade
    2 less that of grade 0) and `worst_margin` (least of grade 2 less most of grade 0), both of
    products whose title holds `OVERLAP` of the query's words, as the paper has them; `…_all` are
    those of all judged products.
    """

    values: Mapping[str, NDArray[np.float64]]
    cosines: Mapping[int, NDArray[np.float32]]

    def record(self) -> dict[str, Any]:
        """For JSON; NaN becomes null, cosines a histogram of 80 bins over [−1, 1]."""
        return {
            "values": {
                name: [None if np.isnan(value) else round(float(value), 6) for value in values]
                for name, values in self.values.items()
            },
            "cosines": {
                str(grade): np.histogram(cosines, bins=80, range=(-1.0, 1.0))[0].tolist()
                for grade, cosines in self.cosines.items()
            },
        }


def measure(
    encoder: TwinEncoder,
    tokenizer: PreTrainedTokenizerFast,
    items: NDArray[np.float32],
    titles: Sequence[str],
    graded: Graded,
) -> Measured:
    """Exact search of the catalogue's vectors `items`, (n, dim), for every query of `graded`.

    Unjudged products count as irrelevant. `titles` are those of the products, by position.
    """
    prefix = encoder.spec.template.query_prefix
    names = list(graded)
    queries = embed_texts(encoder, tokenizer, [prefix + name for name in names], "query")
    found, _ = nearest(queries, items, max(DEPTHS), "exact")
    run = {name: [str(row) for row in rows] for name, rows in zip(names, found, strict=True)}
    qrels = {name: {str(row): g for row, g in grades.items()} for name, grades in graded.items()}
    values = dict(evaluate_run(qrels, run, ks=DEPTHS))
    cosines: dict[int, list[NDArray[np.float32]]] = {0: [], 1: [], 2: []}
    margins = np.full((len(names), len(MARGINS)), np.nan)
    for place, name in enumerate(names):
        rows = np.array(list(graded[name]), np.int64)
        grades = np.array(list(graded[name].values()))
        scores = items[rows] @ queries[place]
        for grade, kept in cosines.items():
            kept.append(scores[grades == grade])
        close = np.array([title_share(name, titles[row]) >= OVERLAP for row in rows], bool)
        margins[place] = *_margins(scores[close], grades[close]), *_margins(scores, grades)
    values |= dict(zip(MARGINS, margins.T, strict=True))
    return Measured(values, {grade: np.concatenate(kept) for grade, kept in cosines.items()})


def _margins(scores: NDArray[np.float32], grades: NDArray[np.int64]) -> tuple[float, float]:
    two, zero = scores[grades == 2], scores[grades == 0]
    if not len(two) or not len(zero):
        return np.nan, np.nan
    return float(two.mean() - zero.mean()), float(two.min() - zero.max())

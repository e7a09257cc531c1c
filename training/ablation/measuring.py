"""What an encoder is worth on test queries: retrieval, margins, and scores by grade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from catalog.measures import evaluate_run
from training.embed import embed_texts
from training.mined_search import nearest
from training.model import TwinEncoder

DEPTHS = (10, 50, 100)
Graded = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True)
class Measured:
    """Per query, (queries,) float64 each, NaN where undefined; `cosines` by grade, all pairs.

    `values` holds ndcg, recall and precision at 10, 50 and 100, `avg_margin` (mean cosine of grade
    2 less that of grade 0) and `worst_margin` (least of grade 2 less most of grade 0).
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
    graded: Graded,
) -> Measured:
    """Exact search of the catalogue's vectors `items`, (n, dim), for every query of `graded`.

    Unjudged products count as irrelevant.
    """
    prefix = encoder.spec.template.query_prefix
    names = list(graded)
    queries = embed_texts(encoder, tokenizer, [prefix + name for name in names], "query")
    found, _ = nearest(queries, items, max(DEPTHS), "exact")
    run = {name: [str(row) for row in rows] for name, rows in zip(names, found, strict=True)}
    qrels = {name: {str(row): g for row, g in grades.items()} for name, grades in graded.items()}
    values = dict(evaluate_run(qrels, run, ks=DEPTHS))
    cosines: dict[int, list[NDArray[np.float32]]] = {0: [], 1: [], 2: []}
    margins = np.full((2, len(names)), np.nan)
    for place, name in enumerate(names):
        rows = np.array(list(graded[name]), np.int64)
        grades = np.array(list(graded[name].values()))
        scores = items[rows] @ queries[place]
        for grade, kept in cosines.items():
            kept.append(scores[grades == grade])
        two, zero = scores[grades == 2], scores[grades == 0]
        if len(two) and len(zero):
            margins[:, place] = two.mean() - zero.mean(), two.min() - zero.max()
    values["avg_margin"], values["worst_margin"] = margins
    return Measured(values, {grade: np.concatenate(kept) for grade, kept in cosines.items()})

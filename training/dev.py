"""How good the encoder is on queries it does not learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from catalog.measures import evaluate_run
from training.corpus import Corpus
from training.embed import embed_texts
from training.mined_search import nearest
from training.model import TwinEncoder
from training.separation import separation, title_share

DEPTH = 100


@dataclass(frozen=True)
class DevPairs:
    """Judged pairs of the dev queries as parallel arrays, (pairs,).

    `query` numbers the queries in the order of the split, `row` is a product's position, `overlap`
    the share of the query's words that its title holds.
    """

    query: NDArray[np.int64]
    row: NDArray[np.int64]
    grade: NDArray[np.int64]
    overlap: NDArray[np.float64]

    @classmethod
    def of(cls, corpus: Corpus) -> DevPairs:
        """The dev split's."""
        pairs = [
            (number, row, grade, title_share(query, corpus.products[row].title))
            for number, (query, grades) in enumerate(corpus.dev.items())
            for row, grade in grades.items()
        ]
        query, row, grade, overlap = zip(*pairs, strict=True)
        return cls(
            query=np.array(query, np.int64),
            row=np.array(row, np.int64),
            grade=np.array(grade, np.int64),
            overlap=np.array(overlap, np.float64),
        )


@dataclass(frozen=True)
class DevResult:
    """What an encoder does with the dev queries, in the order of the split.

    `ndcg` and `recall` are (queries,) float64 of depth 10 and 100, recall NaN where nothing is
    exact; `hits` and `hit_cosines` (queries, depth) the best products, ties by position; `cosines`
    (pairs,) float32 those of `pairs`.
    """

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    hits: NDArray[np.int64]
    hit_cosines: NDArray[np.float32]
    pairs: DevPairs
    cosines: NDArray[np.float32]

    @cached_property
    def figures(self) -> dict[str, float]:
        """Mean nDCG@10 and Recall@100; the latter only if any query has exact products."""
        measured = {"dev_ndcg@10": self.ndcg, "dev_recall@100": self.recall}
        return {
            name: round(float(np.nanmean(values)), 4)
            for name, values in measured.items()
            if not np.isnan(values).all()
        }

    @cached_property
    def separation(self) -> dict[str, Any]:
        """How far apart the grades lie; see `training.separation`."""
        pairs = self.pairs
        return separation(self.cosines, pairs.grade, pairs.query, pairs.overlap)


def dev_measure(
    encoder: TwinEncoder, tokenizer: PreTrainedTokenizerFast, corpus: Corpus
) -> Callable[[], DevResult] | None:
    """A function that ranks the whole catalogue for the dev queries with the encoder as it is then.

    Unjudged products count as irrelevant. None when there are no dev queries. Memory holds one
    vector a product and the scores of a block of queries at a time.
    """
    if not corpus.dev:
        return None
    names = list(corpus.dev)
    texts = [encoder.spec.template.query_prefix + name for name in names]
    qrels = {q: {str(row): g for row, g in grades.items()} for q, grades in corpus.dev.items()}
    pairs = DevPairs.of(corpus)

    def measure() -> DevResult:
        items = embed_texts(encoder, tokenizer, corpus.items, "item")
        queries = embed_texts(encoder, tokenizer, texts, "query")
        hits, hit_cosines = nearest(queries, items, DEPTH, "exact")
        run = {name: [str(row) for row in rows] for name, rows in zip(names, hits, strict=True)}
        values = evaluate_run(qrels, run, ks=(10, DEPTH))
        return DevResult(
            ndcg=values["ndcg@10"],
            recall=values["recall@100"],
            hits=hits,
            hit_cosines=hit_cosines,
            pairs=pairs,
            cosines=_cosines(queries, items, pairs),
        )

    return measure


def _cosines(
    queries: NDArray[np.float32], items: NDArray[np.float32], pairs: DevPairs
) -> NDArray[np.float32]:
    """(pairs,), query by query: never a vector for every pair at once."""
    cosines = np.zeros(len(pairs.row), np.float32)
    starts = np.flatnonzero(np.diff(pairs.query, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(cosines)], strict=True):
        cosines[start:end] = items[pairs.row[start:end]] @ queries[pairs.query[start]]
    return np.clip(cosines, -1.0, 1.0)

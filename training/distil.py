"""Distillation, the end of stage 0: the encoder learns what its own cosine and BM25 say together.

Queries come from two sources, span texts of products and queries without judgments; no judgment is
read. The teacher is the encoder as the stage found it, blended with BM25, over the whole catalogue.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from training.batches import Batch, padded
from training.bm25 import Bm25
from training.embed import embed_texts
from training.learner import Learner, full_precision
from training.losses.listwise_kl import listwise_kl
from training.model import TwinEncoder
from training.settings import DistilSettings, TextSettings
from training.spans import SpanSource

Scores = NDArray[np.float32]


class Teacher:
    """A frozen copy of the encoder, blended with BM25.

    score = blend · cosine + (1 − blend) · BM25 as a share of its bound
    """

    def __init__(
        self,
        encoder: TwinEncoder,
        tokenizer: PreTrainedTokenizerFast,
        items: Sequence[str],
        bm25: Bm25,
        blend: float,
    ) -> None:
        self._encoder, self._tokenizer = copy.deepcopy(encoder).eval(), tokenizer
        self._items = embed_texts(self._encoder, tokenizer, items, "item")
        self._bm25, self._blend = bm25, blend

    def scores(self, queries: Sequence[str]) -> Scores:
        """(queries, products) float32."""
        prefix = self._encoder.spec.template.query_prefix
        vectors = embed_texts(
            self._encoder, self._tokenizer, [prefix + query for query in queries], "query"
        )
        shares = np.stack([self._bm25.share(terms) for terms in self._bm25.terms(queries)])
        blended: Scores = self._blend * (vectors @ self._items.T) + (1.0 - self._blend) * shares
        return blended


@dataclass(frozen=True)
class Asked:
    """A query and the number that seeds what is drawn for it."""

    query: str
    seed: str


class QueryDataset(Dataset[Asked]):
    """`length` queries, a fixed share of them real ones; item k is a function of (seed, k)."""

    def __init__(
        self,
        sources: Sequence[SpanSource],
        queries: Sequence[str],
        settings: DistilSettings,
        *,
        length: int,
        seed: int,
    ) -> None:
        self._sources, self._queries, self._settings = sources, queries, settings
        self._length, self._seed = length, seed

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Asked:
        rng = Random(f"{self._seed}:distil:{index}")
        if self._queries and rng.random() < self._settings.real_share:
            query = self._queries[rng.randrange(len(self._queries))]
        else:
            query = self._sources[rng.randrange(len(self._sources))].words(rng)
        return Asked(query, f"{self._seed}:drawn:{index}")


@dataclass(frozen=True)
class DistilCollator:
    """Queries → their tokens, those of the products drawn for them, and `targets` (n, m).

    Of each query's best `depth` by the teacher `drawn` are taken, besides the very best; every
    query is scored with all products of the batch.
    """

    tokenizer: PreTrainedTokenizerFast
    text: TextSettings
    items: Sequence[str]
    teacher: Teacher
    settings: DistilSettings

    def __call__(self, asked: Sequence[Asked]) -> Batch:
        """Score, draw, tokenise, pad."""
        scores = self.teacher.scores([one.query for one in asked])
        depth = min(self.settings.depth, scores.shape[1])
        best = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        drawn = {int(row) for row in best[:, 0]}
        for one, rows in zip(asked, best.tolist(), strict=True):
            drawn.update(Random(one.seed).sample(rows, min(self.settings.drawn, depth)))
        rows = sorted(drawn)
        queries = [self.text.query_prefix + one.query for one in asked]
        texts = [self.items[row] for row in rows]
        return {
            **padded(self.tokenizer, queries, self.text.max_query_tokens, "query"),
            **padded(self.tokenizer, texts, self.text.max_item_tokens, "item"),
            "targets": torch.from_numpy(scores[:, rows]),
        }


class DistilLearner(Learner):
    """Listwise distillation of `targets`."""

    def forward(
        self,
        query_ids: Tensor,
        query_mask: Tensor,
        item_ids: Tensor,
        item_mask: Tensor,
        targets: Tensor,
    ) -> dict[str, Tensor]:
        """The loss of a batch."""
        queries, items = self.sides(query_ids, query_mask, item_ids, item_mask)
        with full_precision(queries):
            loss = self.over_dims(
                queries, items, lambda q, i: listwise_kl(q @ i.T, targets, self.scale)
            )
            return {"loss": loss}

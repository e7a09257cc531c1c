"""From text pairs and graded instances to padded tensors, the same for every seed and every resume.

Datasets are functions of a step's number: item k draws from a generator seeded by (seed, k), so a
run that is killed and resumed sees what an unbroken one would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from training.augment.spelling import misspelt
from training.instances import GradedList, Instance, draw_items
from training.settings import InstanceSettings, PretrainSettings, TextSettings
from training.spans import SpanPair, SpanSource
from training.teacher import Taught
from training.tokenizer import token_ids

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Pair:
    """A query-like text, a text of a product, and the product's position."""

    texts: SpanPair
    product: int


class EpochOrder:
    """Places 0 … count − 1, each once an epoch, every epoch in another order."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed
        self._orders: dict[int, list[int]] = {}  # of one epoch: what stands there is only a cache

    def place(self, index: int) -> int:
        """The place that is drawn at `index` ≥ 0."""
        epoch, turn = divmod(index, self._count)
        if epoch not in self._orders:
            order = list(range(self._count))
            Random(f"{self._seed}:epoch:{epoch}").shuffle(order)
            self._orders = {epoch: order}
        return self._orders[epoch][turn]


class PairDataset(Dataset[Pair]):
    """Stage 0: `length` pairs; a fixed share of each batch has the lexical teacher's products."""

    def __init__(
        self,
        sources: Sequence[SpanSource],
        items: Sequence[str],
        taught: Sequence[Taught],
        settings: PretrainSettings,
        *,
        length: int,
        seed: int,
        query_prefix: str = "",
    ) -> None:
        self._sources, self._items, self._taught = sources, items, taught
        self._settings, self._length, self._seed = settings, length, seed
        self._prefix = query_prefix
        self._order = EpochOrder(len(sources), seed)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Pair:
        rng = Random(f"{self._seed}:{index}")
        if self._taught and rng.random() < self._settings.teacher_share:
            taught = self._taught[rng.randrange(len(self._taught))]
            product = int(rng.choices(taught.products, weights=taught.share.tolist())[0])
            return Pair(SpanPair(self._prefix + taught.query, self._items[product]), product)
        product = self._order.place(index)  # a batch hardly ever holds one twice
        texts = self._sources[product].draw(rng, self._settings.rest_share)
        if self._settings.misspelt_share and rng.random() < self._settings.misspelt_share:
            texts = replace(texts, query=self._misspelt(texts.query, index))
        return Pair(texts, product)

    def _misspelt(self, query: str, index: int) -> str:
        words = query.removeprefix(self._prefix)
        return self._prefix + (misspelt(words, self._seed + index) or words)


class InstanceDataset(Dataset[Instance]):
    """Stages 1 and 2: `length` instances, cycling through the graded queries in shuffled order."""

    def __init__(
        self,
        graded: Sequence[GradedList],
        products: int,
        settings: InstanceSettings,
        *,
        length: int,
        seed: int,
    ) -> None:
        self._graded, self._products, self._settings = graded, products, settings
        self._length, self._seed = length, seed
        self._order = EpochOrder(len(graded), seed)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Instance:
        rng = Random(f"{self._seed}:{index}")
        graded = self._graded[self._order.place(index)]
        return draw_items(graded, self._products, self._settings, rng)


@dataclass(frozen=True)
class PairCollator:
    """Pairs → `query_ids, query_mask, item_ids, item_mask` (n, length) and `products` (n,)."""

    tokenizer: PreTrainedTokenizerFast
    text: TextSettings

    def __call__(self, pairs: Sequence[Pair]) -> Batch:
        """Tokenise and pad."""
        queries = [pair.texts.query for pair in pairs]
        items = [pair.texts.item for pair in pairs]
        return {
            **padded(self.tokenizer, queries, self.text.max_query_tokens, "query"),
            **padded(self.tokenizer, items, self.text.max_item_tokens, "item"),
            "products": torch.tensor([pair.product for pair in pairs]),
        }


@dataclass(frozen=True)
class InstanceCollator:
    """Instances → tokens of queries (n) and of distinct items (m), and three (n, items) tensors.

    `places` points from an instance's items into the m encoded ones; `grades` and `present` are
    what the losses take. An item that several instances share is encoded once.
    """

    tokenizer: PreTrainedTokenizerFast
    text: TextSettings
    items: Sequence[str]

    def __call__(self, instances: Sequence[Instance]) -> Batch:
        """Tokenise, pad, and point from instances to items."""
        rows = sorted({row for instance in instances for row in instance.products})
        place = {row: index for index, row in enumerate(rows)}
        widest = max(len(instance.products) for instance in instances)
        places = torch.zeros(len(instances), widest, dtype=torch.long)
        grades = torch.zeros_like(places)
        present = torch.zeros_like(places, dtype=torch.bool)
        for n, instance in enumerate(instances):
            count = len(instance.products)
            places[n, :count] = torch.tensor([place[row] for row in instance.products])
            grades[n, :count] = torch.tensor(instance.grades)
            present[n, :count] = True
        queries = [self.text.query_prefix + instance.query for instance in instances]
        texts = [self.items[row] for row in rows]
        return {
            **padded(self.tokenizer, queries, self.text.max_query_tokens, "query"),
            **padded(self.tokenizer, texts, self.text.max_item_tokens, "item"),
            "places": places,
            "grades": grades,
            "present": present,
        }


def padded(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], longest: int, name: str
) -> Batch:
    """`{name}_ids` and `{name}_mask`, (n, longest of these texts) int64."""
    ids = token_ids(tokenizer, texts, longest)
    width = max(len(row) for row in ids)
    filling = int(tokenizer.pad_token_id or 0)
    tokens = torch.full((len(ids), width), filling, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for n, row in enumerate(ids):
        tokens[n, : len(row)] = torch.tensor(row)
        mask[n, : len(row)] = 1
    return {f"{name}_ids": tokens, f"{name}_mask": mask}

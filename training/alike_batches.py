"""Instances with partners of their queries: what a batch needs for the contrast of queries.

Two queries of a pair hardly ever meet in a batch by chance, so each query brings a partner along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from torch.utils.data import Dataset

from training.alike import AlikeQueries
from training.batches import Batch, InstanceCollator, padded
from training.instances import Instance


@dataclass(frozen=True)
class Accompanied:
    """An instance and a query that is a pair with its query; None where there is none."""

    instance: Instance
    partner: str | None


class AccompaniedDataset(Dataset[Accompanied]):
    """The instances of `instances`, unchanged; the partner of item k is a function of (seed, k)."""

    def __init__(self, instances: Dataset[Instance], alike: AlikeQueries, *, seed: int) -> None:
        self._instances, self._alike, self._seed = instances, alike, seed

    def __len__(self) -> int:
        return len(self._instances)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Accompanied:
        instance = self._instances[index]
        rng = Random(f"{self._seed}:partner:{index}")
        return Accompanied(instance, self._alike.draw(instance.query, rng))


@dataclass(frozen=True)
class AccompaniedCollator:
    """What `InstanceCollator` gives, with p partners after its n queries, and who is alike.

    `query_ids` and `query_mask` have n + p rows; `alike` and `apart` are (n + p, n + p) bool, see
    `AlikeQueries.relations`. A partner that is in the batch already does not join again.
    """

    instances: InstanceCollator
    alike: AlikeQueries

    def __call__(self, accompanied: Sequence[Accompanied]) -> Batch:
        """Collate the instances, then the queries with their partners."""
        batch = self.instances([one.instance for one in accompanied])
        own = [one.instance.query for one in accompanied]
        brought = dict.fromkeys(one.partner for one in accompanied if one.partner is not None)
        here = set(own)
        queries = [*own, *(query for query in brought if query not in here)]
        text = self.instances.text
        texts = [text.query_prefix + query for query in queries]
        alike, apart = self.alike.relations(queries)
        return {
            **batch,
            **padded(self.instances.tokenizer, texts, text.max_query_tokens, "query"),
            "alike": alike,
            "apart": apart,
        }

"""What BM25F is told: its parameters, and what it takes from the whole catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.words.analyser import Analyser


@dataclass(frozen=True)
class FieldSettings:
    """Weight of a field and how strongly its length counts (`b` in [0, 1])."""

    weight: float
    b: float


@dataclass(frozen=True)
class LexicalSettings:
    """BM25F parameters. Field order is the order of summation.

    The defaults are round numbers from the plateau of a sweep on human judgments (Shopping Queries
    data set, 50 training queries: nDCG@10 0.757, where plain BM25 with k1 1.2, b 0.75 and the title
    twice gives 0.739). Five-fold cross-validation finds none that do better on queries left out
    (`benchmarks/lexical_tuning.py`).
    """

    k1: float = 2.0
    fields: dict[str, FieldSettings] = field(
        default_factory=lambda: {
            "title": FieldSettings(6.0, 0.75),
            "brand": FieldSettings(4.0, 0.5),
            "category": FieldSettings(2.0, 0.5),
            "attributes": FieldSettings(2.0, 0.5),
            "description": FieldSettings(1.0, 0.6),
        }
    )


@dataclass(frozen=True, eq=False)
class Statistics:
    """What scores take from the whole catalogue, frozen when an index is built.

    A shard has those of all shards, live updates those of the index beneath them: one pair, one
    score. `products` is N, `frequency` (terms,) int64 the number of products that hold each term of
    the vocabulary, `mean_lengths` the mean words of each field where it is filled, `analyser` reads
    texts as they were read then.
    """

    products: int
    frequency: NDArray[np.int64]
    mean_lengths: Mapping[str, float]
    settings: LexicalSettings
    analyser: Analyser


def settings_json(settings: LexicalSettings) -> dict[str, object]:
    """The settings as JSON values."""
    return asdict(settings)


def settings_from_json(body: dict[str, Any]) -> LexicalSettings:
    """The settings from their JSON values. Raises KeyError or TypeError."""
    fields = {name: FieldSettings(**part) for name, part in body["fields"].items()}
    return LexicalSettings(**{**body, "fields": fields})

"""What a stage optimises: the encoder, a learnable temperature and the stage's loss, as one module.

`forward(**batch)` gives `{"loss": scalar}`, all that `transformers.Trainer` asks for.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from training.losses.circle import CircleSettings, circle
from training.losses.graded_supcon import graded_supcon
from training.losses.infonce import info_nce
from training.model import TwinEncoder

# 1/τ above this turns float noise in cosines into loss; below 1 the softmax is flat.
_SCALE_BOUNDS = (1.0, 100.0)


def full_precision(like: Tensor) -> torch.autocast:
    """Autocast off: in bfloat16 a cosine near 1 moves in steps of .004, a logit of 20 by .125."""
    return torch.autocast(device_type=like.device.type, enabled=False)


class Learner(nn.Module):
    """An encoder with a temperature τ, stored as log(1/τ) and learned unless `learn` is False."""

    def __init__(self, encoder: TwinEncoder, temperature: float, *, learn: bool = True) -> None:
        super().__init__()
        self.encoder = encoder
        self.log_scale = nn.Parameter(torch.tensor(math.log(1.0 / temperature)), learn)

    @property
    def scale(self) -> Tensor:
        """1/τ, bounded."""
        return self.log_scale.exp().clamp(*_SCALE_BOUNDS)

    def sides(
        self, query_ids: Tensor, query_mask: Tensor, item_ids: Tensor, item_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Query vectors (n, dim) and item vectors (m, dim) of a batch, rows L2 = 1."""
        return (
            self.encoder.embed(query_ids, query_mask, "query"),
            self.encoder.embed(item_ids, item_mask, "item"),
        )


class PairLearner(Learner):
    """Stage 0: in-batch contrast of pairs."""

    def forward(
        self,
        query_ids: Tensor,
        query_mask: Tensor,
        item_ids: Tensor,
        item_mask: Tensor,
        products: Tensor,
    ) -> dict[str, Tensor]:
        """The loss of a batch of pairs."""
        queries, items = self.sides(query_ids, query_mask, item_ids, item_mask)
        with full_precision(queries):
            return {"loss": info_nce(queries, items, products, self.scale)}


class InstanceLearner(Learner):
    """Stages 1 and 2: graded items of each query; SupCon without `settings`, circle with them."""

    def __init__(
        self,
        encoder: TwinEncoder,
        temperature: float,
        settings: CircleSettings | None,
        *,
        learn: bool = True,
    ) -> None:
        super().__init__(encoder, temperature, learn=learn and settings is None)
        self.settings = settings

    def forward(
        self,
        query_ids: Tensor,
        query_mask: Tensor,
        item_ids: Tensor,
        item_mask: Tensor,
        places: Tensor,
        grades: Tensor,
        present: Tensor,
    ) -> dict[str, Tensor]:
        """The loss of a batch of instances."""
        queries, items = self.sides(query_ids, query_mask, item_ids, item_mask)
        with full_precision(queries):
            scores = (queries @ items.T).gather(1, places)
            if self.settings is None:
                return {"loss": graded_supcon(scores, grades, present, self.scale)}
            return {"loss": circle(scores, grades, present, self.settings)}

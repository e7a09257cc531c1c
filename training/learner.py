"""What a stage optimises: the encoder, a learnable temperature and the stage's loss, as one module.

`forward(**batch)` gives `{"loss": scalar}`, all that `transformers.Trainer` asks for. What else a
stage remembers, the average of its weights and the encoder it began with, is part of the module
too, so that checkpoints hold it and a resumed stage goes on as an unbroken one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from training.losses.infonce import info_nce
from training.model import TwinEncoder, unit
from training.settings import StageSettings

# 1/τ above this turns float noise in cosines into loss; below 1 the softmax is flat.
_SCALE_BOUNDS = (1.0, 100.0)


def full_precision(like: Tensor) -> torch.autocast:
    """Autocast off: in bfloat16 a cosine near 1 moves in steps of .004, a logit of 20 by .125."""
    return torch.autocast(device_type=like.device.type, enabled=False)


class Learner(nn.Module):
    """An encoder with a temperature τ, stored as log(1/τ) and learned unless `learn` is False.

    With `settings.average` the stage's result is a running average of the weights over its steps,
    which `remember` feeds and `settle` takes over: single steps of small batches are noisy.

    The loss is the mean of those of the whole vectors and of their first `dims` components, each at
    length 1 again, so that vectors can be cut later (Matryoshka: Kusupati et al. 2022).
    """

    def __init__(
        self,
        encoder: TwinEncoder,
        settings: StageSettings,
        *,
        learn: bool | None = None,
        dims: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dims = tuple(dims)
        learned = settings.learn_temperature if learn is None else learn
        self.log_scale = nn.Parameter(torch.tensor(math.log(1.0 / settings.temperature)), learned)
        self.averaged: AveragedModel | None = None
        if settings.average:
            self.averaged = AveragedModel(encoder, avg_fn=_moving_average(settings.average))
            self.averaged.requires_grad_(False)
        self.best: TwinEncoder | None = None
        if settings.patience:
            self.best = copy.deepcopy(encoder).requires_grad_(False)

    @property
    def result(self) -> TwinEncoder:
        """The encoder that the stage would end with if it ended now."""
        return cast(TwinEncoder, self.averaged.module) if self.averaged else self.encoder

    def remember(self) -> None:
        """Let the current weights join the average; once a step."""
        if self.averaged is not None:
            self.averaged.update_parameters(self.encoder)

    def keep_best(self) -> None:
        """Remember the result as it is now; the dev split says that there was none better."""
        if self.best is not None:
            self.best.load_state_dict(self.result.state_dict())

    def settle(self) -> None:
        """Give the encoder the stage's result: the best that was kept, or else the last."""
        found = self.best if self.best is not None else self.result
        if found is not self.encoder:
            self.encoder.load_state_dict(found.state_dict())

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

    def over_dims(
        self, queries: Tensor, items: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """The mean of `loss` over the whole vectors and their beginnings."""
        cut = [(unit(queries[:, :dim]), unit(items[:, :dim])) for dim in self.dims]
        return torch.stack([loss(*pair) for pair in [(queries, items), *cut]]).mean()


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
            loss = self.over_dims(queries, items, lambda q, i: info_nce(q, i, products, self.scale))
            return {"loss": loss}


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential moving average that forgets its first steps faster."""

    def average(mean: Tensor, new: Tensor, seen: Tensor | int) -> Tensor:
        keep = min(decay, (1.0 + float(seen)) / (10.0 + float(seen)))
        return torch.lerp(new, mean, keep)

    return average

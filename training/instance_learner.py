"""Stages 1 and 2 as one module: graded items of each query, under the stage's objective."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from training.learner import Learner, full_precision
from training.losses.query_contrast import query_contrast
from training.model import TwinEncoder
from training.objectives import Objective
from training.settings import GradedStageSettings


class InstanceLearner(Learner):
    """Stages 1 and 2: graded items of each query.

    With `stay` above 0 the loss grows with the mean squared distance of the batch's vectors from
    where the stage found them: a few dozen judged queries may turn the space, but not warp it.

    A batch that says which queries are `alike` and which `apart` has p further queries after those
    of its n instances, and adds their contrast, `pair_weight` times.
    """

    def __init__(
        self,
        encoder: TwinEncoder,
        settings: GradedStageSettings,
        objective: Objective,
        *,
        dims: Sequence[int] = (),
        pair_weight: float = 0.0,
    ) -> None:
        learn = None if objective.has_temperature else False
        super().__init__(encoder, settings, learn=learn, dims=dims)
        self.objective = objective
        self.pair_weight = pair_weight
        self.stay = settings.stay
        self.origin: TwinEncoder | None = None
        if self.stay:
            self.origin = copy.deepcopy(encoder).requires_grad_(False)

    def forward(
        self,
        query_ids: Tensor,
        query_mask: Tensor,
        item_ids: Tensor,
        item_mask: Tensor,
        places: Tensor,
        grades: Tensor,
        present: Tensor,
        alike: Tensor | None = None,
        apart: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The loss of a batch of instances."""
        count = len(places)
        asked, items = self.sides(query_ids, query_mask, item_ids, item_mask)
        queries = asked[:count]
        with full_precision(queries):
            loss = self.over_dims(
                queries,
                items,
                lambda q, i: self.objective.loss(q @ i.T, places, grades, present, self.scale),
            )
            if self.origin is not None:
                own = query_ids[:count], query_mask[:count]
                before = self._vectors_before(*own, item_ids, item_mask)
                moved = (moved_from(queries, before[0]) + moved_from(items, before[1])).float()
                # The losses are sums over instances, so this one counts once an instance, too.
                loss = loss + self.stay * count * moved
            if alike is not None and apart is not None:
                loss = loss + self.pair_weight * self._contrast(asked, alike, apart)
            return {"loss": loss}

    def _contrast(self, asked: Tensor, alike: Tensor, apart: Tensor) -> Tensor:
        """Of all queries of the batch with each other; without any pair 0, with a gradient of 0."""
        return self.over_dims(
            asked, asked, lambda q, other: query_contrast(q @ other.T, alike, apart, self.scale)
        )

    def train(self, mode: bool = True) -> InstanceLearner:
        """As usual, but the encoder the stage began with never drops anything out."""
        super().train(mode)
        if self.origin is not None:
            self.origin.eval()
        return self

    @torch.no_grad()
    def _vectors_before(self, *batch: Tensor) -> tuple[Tensor, Tensor]:
        query_ids, query_mask, item_ids, item_mask = batch
        assert self.origin is not None
        return (
            self.origin.embed(query_ids, query_mask, "query"),
            self.origin.embed(item_ids, item_mask, "item"),
        )


def moved_from(vectors: Tensor, before: Tensor) -> Tensor:
    """Mean squared distance of rows, (n, dim) each; a scalar in [0, 4] for unit rows."""
    return (vectors - before).square().sum(dim=1).mean()

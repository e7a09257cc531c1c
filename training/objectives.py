"""Which loss an instance stage follows: the method's own two, and the rivals of the ablation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from training.losses.binary_nce import binary_nce
from training.losses.circle import CircleSettings, circle
from training.losses.cosent import cosent
from training.losses.graded_supcon import graded_supcon
from training.losses.triplet import weighted_triplet
from training.settings import SupconSettings

# scores of every query with every item of the batch (n, m), own places (n, items), grades, present,
# 1/τ → the sum over instances
Loss = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """A loss and whether it has a temperature to learn."""

    loss: Loss
    has_temperature: bool


def stage_one(settings: SupconSettings) -> Objective:
    """What `supcon.loss` names: graded SupCon, or a rival of the ablation."""

    def own(scores: Tensor, places: Tensor) -> Tensor:
        return scores.gather(1, places)

    margin = settings.margin
    return {
        "supcon": Objective(
            lambda s, at, r, p, scale: graded_supcon(own(s, at), r, p, scale), True
        ),
        "cosent": Objective(lambda s, at, r, p, scale: cosent(own(s, at), r, p, scale), True),
        "infonce": Objective(binary_nce, True),
        "triplet": Objective(
            lambda s, at, r, p, scale: weighted_triplet(own(s, at), r, p, margin), False
        ),
    }[settings.loss]


def stage_two(settings: CircleSettings) -> Objective:
    """The multi-class circle loss."""
    return Objective(lambda s, at, r, p, scale: circle(s.gather(1, at), r, p, settings), False)

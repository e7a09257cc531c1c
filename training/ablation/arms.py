"""The arms (a) to (h) of the ablation, as changes to one recipe.

Every arm starts from the same pre-trained base and makes the same number of optimiser steps on
judged queries: an arm of one stage makes those of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from training.recipe import Recipe


@dataclass(frozen=True)
class Arm:
    """One way to learn from judgments; `letter` as in the list of arms, `what` for tables."""

    letter: str
    name: str
    what: str
    loss: str = "supcon"
    stages: str = "both"  # both, first or second
    originals: bool = True
    siamese: bool = True


ARMS: Mapping[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("a", "infonce", "InfoNCE in the batch, binary", loss="infonce", stages="first"),
        Arm("b", "cosent", "CoSENT, graded", loss="cosent", stages="first"),
        Arm("c", "triplet", "weighted triplets", loss="triplet", stages="first"),
        Arm("d", "supcon", "graded SupCon", stages="first"),
        Arm("e", "full", "graded SupCon, then circle on mined samples"),
        Arm("f", "circle-only", "circle without SupCon", stages="second"),
        Arm("g", "mined-only", "SupCon, then circle without the original data", originals=False),
        Arm("h", "two-towers", "as (e), two separate networks", siamese=False),
    )
}


@dataclass(frozen=True)
class Rates:
    """What one trial chooses: learning rates, and γ of the circle loss.

    `second` is None for an arm of one stage, `gamma` where the recipe's is used.
    """

    first: float
    second: float | None = None
    gamma: float | None = None

    @property
    def name(self) -> str:
        """How files and tables call it: `0.003`, `0.003+0.0001` or `0.003+0.0001+g64`."""
        parts = [f"{rate:g}" for rate in (self.first, self.second) if rate is not None]
        return "+".join([*parts, *([] if self.gamma is None else [f"g{self.gamma:g}"])])


def recipe_of(arm: Arm, recipe: Recipe, rates: Rates) -> Recipe:
    """The recipe of an arm; nothing is mined for a stage 1."""
    steps = recipe.supcon.steps + recipe.refine.steps
    first = steps if arm.stages == "first" else recipe.supcon.steps
    second = steps if arm.stages == "second" else recipe.refine.steps
    return replace(
        recipe,
        supcon=replace(
            recipe.supcon,
            loss=arm.loss,
            learning_rate=rates.first,
            steps=0 if arm.stages == "second" else first,
        ),
        refine=replace(
            recipe.refine,
            learning_rate=rates.first if rates.second is None else rates.second,
            steps=0 if arm.stages == "first" else second,
        ),
        mine=replace(recipe.mine, originals=arm.originals),
        circle=recipe.circle if rates.gamma is None else replace(recipe.circle, gamma=rates.gamma),
    )

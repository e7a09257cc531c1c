"""What stages 1 and 2 are run with: the learner, its instances, and how they become batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from training.alike import AlikeQueries
from training.alike_batches import AccompaniedCollator, AccompaniedDataset
from training.batches import Batch, InstanceCollator, InstanceDataset
from training.corpus import Corpus
from training.instance_learner import InstanceLearner
from training.instances import GradedList
from training.model import TwinEncoder
from training.objectives import Objective
from training.recipe import Recipe
from training.settings import GradedStageSettings


@dataclass(frozen=True)
class InstanceParts:
    """The three that `training.stages.run_stage` takes."""

    learner: InstanceLearner
    dataset: Dataset[Any]
    collator: Callable[[Any], Batch]


def instance_parts(
    encoder: TwinEncoder,
    tokenizer: PreTrainedTokenizerFast,
    corpus: Corpus,
    recipe: Recipe,
    settings: GradedStageSettings,
    lists: Sequence[GradedList],
    objective: Objective,
    alike: AlikeQueries | None = None,
) -> InstanceParts:
    """The parts of a stage over `lists`; with pairs in `alike` queries are contrasted, too."""
    learner = InstanceLearner(
        encoder,
        settings,
        objective,
        dims=recipe.network.matryoshka,
        pair_weight=recipe.supcon.pair_weight,
    )
    dataset = InstanceDataset(
        lists,
        len(corpus.products),
        recipe.instances,
        length=settings.steps * settings.batch,
        seed=recipe.seed,
    )
    collator = InstanceCollator(tokenizer, recipe.text, corpus.items)
    if alike is None or not alike.pairs:
        return InstanceParts(learner, dataset, collator)
    return InstanceParts(
        learner,
        AccompaniedDataset(dataset, alike, seed=recipe.seed),
        AccompaniedCollator(collator, alike),
    )

"""What the stages before any judgment are run with: products' texts and queries nobody judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from training.batches import Batch, PairCollator, PairDataset
from training.bm25 import Bm25
from training.corpus import Corpus
from training.distil import DistilCollator, DistilLearner, QueryDataset, Teacher
from training.learner import Learner, PairLearner
from training.model import TwinEncoder
from training.network import text_template
from training.recipe import Recipe
from training.settings import DistilSettings, PretrainSettings
from training.spans import SpanSource
from training.teacher import Taught, teach


@dataclass(frozen=True)
class TextParts:
    """The three that `training.stages.run_stage` takes."""

    learner: Learner
    dataset: Dataset[Any]
    collator: Callable[[Any], Batch]


def pair_parts(
    encoder: TwinEncoder,
    tokenizer: PreTrainedTokenizerFast,
    corpus: Corpus,
    recipe: Recipe,
    settings: PretrainSettings,
    seed: int,
) -> TextParts:
    """Of stage 0: spans of titles, and real queries with products that BM25 finds."""
    dataset = PairDataset(
        _sources(corpus, recipe),
        corpus.items,
        _taught(corpus, settings),
        settings,
        length=settings.steps * settings.batch,
        seed=seed,
        query_prefix=text_template(recipe.text).query_prefix,
    )
    learner = PairLearner(encoder, settings, dims=recipe.network.matryoshka)
    return TextParts(learner, dataset, PairCollator(tokenizer, recipe.text))


def distil_parts(
    encoder: TwinEncoder,
    tokenizer: PreTrainedTokenizerFast,
    corpus: Corpus,
    recipe: Recipe,
    settings: DistilSettings,
) -> TextParts:
    """Of the end of stage 0: the encoder as it is now, blended with BM25, is the teacher."""
    bm25 = Bm25(corpus.products)
    teacher = Teacher(encoder, tokenizer, corpus.items, bm25, settings.blend)
    dataset = QueryDataset(
        _sources(corpus, recipe), corpus.queries, settings,
        length=settings.steps * settings.batch, seed=recipe.seed,
    )  # fmt: skip
    collator = DistilCollator(tokenizer, recipe.text, corpus.items, teacher, settings)
    learner = DistilLearner(encoder, settings, dims=recipe.network.matryoshka)
    return TextParts(learner, dataset, collator)


def _sources(corpus: Corpus, recipe: Recipe) -> list[SpanSource]:
    template = text_template(recipe.text)
    return [
        SpanSource(product, template, item)
        for product, item in zip(corpus.products, corpus.items, strict=True)
    ]


def _taught(corpus: Corpus, settings: PretrainSettings) -> list[Taught]:
    if not settings.teacher_share or not corpus.queries:
        return []
    return teach(corpus.products, corpus.queries, settings.teacher_depth)

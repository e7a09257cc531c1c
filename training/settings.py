"""The tables of a training recipe, each a frozen dataclass with its defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkSettings:
    """The encoder. With `base_model` (hub id or path) the shape fields are taken from it.

    `layers = 0` is a bag of subwords: a learned weighted mean of token vectors. The first
    `matryoshka` components of a vector, each number below `dim`, serve as vectors of their own.
    """

    base_model: str = ""
    layers: int = 2
    width: int = 256
    heads: int = 4
    vocabulary: int = 20_000
    letter_runs: int = 0
    dim: int = 256
    matryoshka: tuple[int, ...] = ()
    pooling: str = "weighted"
    dropout: float = 0.1


@dataclass(frozen=True)
class TextSettings:
    """What of a product and a query the encoder reads; see `catalog.template`."""

    max_query_tokens: int = 32
    max_item_tokens: int = 96
    category_levels: int = 2
    description_words: int = 40
    query_prefix: str = ""
    item_prefix: str = ""


@dataclass(frozen=True)
class StageSettings:
    """One stage of optimisation; `steps = 0` leaves the stage out. `batch` counts queries.

    Heads and token weights learn `head_rate` times as fast as the backbone. With `average` above 0
    the stage ends with a moving average of its weights, of that decay a step. With `patience` above
    0 it ends with the best weights by dev nDCG@10, and early after so many measures without a
    better one.
    """

    steps: int = 0
    batch: int = 256
    learning_rate: float = 1e-3
    warmup: float = 0.05
    temperature: float = 0.05
    learn_temperature: bool = True
    bf16: bool = False
    clip: float = 1.0
    head_rate: float = 1.0
    average: float = 0.0
    patience: int = 0


@dataclass(frozen=True)
class PretrainSettings(StageSettings):
    """Stage 0: query-like spans of titles, and real queries with a BM25 teacher.

    `rest_share` of the span pairs hide the span from the product's text, so that meaning has to
    stand in for the missing words; `teacher_share` of each batch are queries without judgments,
    paired with one of the `teacher_depth` products that BM25 finds for them. `misspelt_share` of
    the span texts have one slip in them.
    """

    rest_share: float = 0.5
    teacher_share: float = 0.3
    teacher_depth: int = 8
    misspelt_share: float = 0.0


@dataclass(frozen=True)
class GradedStageSettings(StageSettings):
    """Stages 1 and 2; `stay` is the weight of keeping texts' vectors where the stage found them."""

    stay: float = 0.0


@dataclass(frozen=True)
class SupconSettings(GradedStageSettings):
    """Stage 1. `loss` other than `supcon` makes it a rival; `margin` is the triplets'.

    With `pair_weight` above 0 queries that make a pair are pulled together with that weight. A pair
    shares `pair_shared` exact products at least, and of those of either a share of `pair_overlap`.
    """

    loss: str = "supcon"
    margin: float = 0.1
    pair_weight: float = 0.0
    pair_overlap: float = 0.5
    pair_shared: int = 2


@dataclass(frozen=True)
class DistilSettings(StageSettings):
    """End of stage 0: the encoder learns its own cosine blended with BM25, without any judgment.

    `blend` is the weight of the cosine. `real_share` of the queries are ones without judgments, the
    others span texts. Of a query's best `depth` products `drawn` join the batch's items.
    """

    blend: float = 0.4
    real_share: float = 0.3
    depth: int = 32
    drawn: int = 4


@dataclass(frozen=True)
class InstanceSettings:
    """How judgments become instances (query; items with grades).

    At most `items` items each; `assumed` uniformly drawn products join as grade 0 (provenance
    `assumed`), which also gives queries of a single grade a signal.
    """

    items: int = 32
    assumed: int = 8


@dataclass(frozen=True)
class MineSettings:
    """Hard samples from the top `depth` of the stage-1 encoder; `depth = 0` leaves mining out.

    Each of `rounds` mines with the encoder so far and refines it. Without `originals` stage 2 sees
    hard samples alone, which is an ablation: it forgets.
    """

    depth: int = 100
    rounds: int = 1
    originals: bool = True


@dataclass(frozen=True)
class AugmentSettings:
    """What joins the judged queries.

    `misspelt_share` of them once more with one slip (the paper: .3 to .5); made-up queries for
    `synthetic_share` of the products, at most, which no query leads to. Those want a judge.
    """

    misspelt_share: float = 0.0
    synthetic_share: float = 0.0

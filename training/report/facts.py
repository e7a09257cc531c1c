"""What a report tells: taken from the run, with the dev queries measured once more at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerFast

from catalog.model import Grade, Product
from training.corpus import Corpus
from training.dev import DevResult, dev_measure
from training.model import TwinEncoder
from training.recipe import Recipe

HITS = 10
WORST = 20
_MISSED = 3

StageReports = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Ranked:
    """A product in a query's ranking.

    `rank` is from 1, None beyond the depth that was looked at; `grade` None where nobody judged.
    """

    rank: int | None
    cosine: float
    grade: int | None
    product: str
    title: str


@dataclass(frozen=True)
class DevQuery:
    """A dev query: nDCG@10, how many products of grade 2, 1 and 0 it has, what was found.

    `missed` are exact products below the first ten, nearest first.
    """

    query: str
    ndcg: float
    judged: tuple[int, int, int]
    hits: Sequence[Ranked]
    missed: Sequence[Ranked]


@dataclass(frozen=True)
class RunFacts:
    """All that a report is made from.

    `stages` are the reports of the stages as `report.json` has them; `worst` the dev queries with
    the lowest nDCG@10, worst first. Without a dev split it is empty.
    """

    recipe: Mapping[str, Any]
    architecture: str
    sizes: Mapping[str, int]
    stages: StageReports
    worst: Sequence[DevQuery]

    @property
    def dev_queries(self) -> int:
        """How many queries the dev split has."""
        return self.sizes["dev queries"]

    @property
    def seconds(self) -> float:
        """Of all stages together."""
        return float(sum(stage["seconds"] for stage in self.stages.values()))


def run_facts(
    encoder: TwinEncoder,
    tokenizer: PreTrainedTokenizerFast,
    corpus: Corpus,
    reports: StageReports,
    recipe: Recipe,
) -> RunFacts:
    """Gather them, with the dev queries as the finished encoder ranks them."""
    measure = dev_measure(encoder, tokenizer, corpus)
    return RunFacts(
        recipe=recipe.record(),
        architecture=encoder.spec.architecture,
        sizes={
            "products": len(corpus.products),
            "graded queries": len(corpus.train),
            "dev queries": len(corpus.dev),
            "ungraded queries": len(corpus.queries),
        },
        stages=reports,
        worst=worst_queries(corpus, measure()) if measure else (),
    )


def worst_queries(corpus: Corpus, result: DevResult, most: int = WORST) -> list[DevQuery]:
    """The dev queries of lowest nDCG@10, worst first, ties in the order of the split."""
    names = list(corpus.dev)
    order = np.argsort(result.ndcg, kind="stable")[:most]
    return [_dev_query(names[number], int(number), corpus, result) for number in order]


def _dev_query(name: str, number: int, corpus: Corpus, result: DevResult) -> DevQuery:
    grades = corpus.dev[name]
    ranks = {int(row): rank for rank, row in enumerate(result.hits[number], 1)}
    hits = [
        _ranked(rank, cosine, grades.get(row), corpus.products[row])
        for (row, rank), cosine in zip(ranks.items(), result.hit_cosines[number], strict=True)
    ]
    counts = [list(grades.values()).count(grade.value) for grade in reversed(Grade)]
    return DevQuery(
        query=name,
        ndcg=float(result.ndcg[number]),
        judged=(counts[0], counts[1], counts[2]),
        hits=hits[:HITS],
        missed=_missed(number, ranks, corpus, result),
    )


def _missed(
    number: int, ranks: Mapping[int, int], corpus: Corpus, result: DevResult
) -> list[Ranked]:
    pairs = result.pairs
    of_query = np.flatnonzero((pairs.query == number) & (pairs.grade == Grade.EXACT))
    nearest = of_query[np.argsort(-result.cosines[of_query], kind="stable")]
    found = []
    for place in nearest:
        row = int(pairs.row[place])
        rank = ranks.get(row)
        if rank is None or rank > HITS:
            product = corpus.products[row]
            found.append(_ranked(rank, result.cosines[place], int(Grade.EXACT), product))
    return found[:_MISSED]


def _ranked(rank: int | None, cosine: np.float32, grade: int | None, product: Product) -> Ranked:
    return Ranked(rank, float(cosine), grade, product.id, product.title)

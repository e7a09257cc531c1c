"""From a finished run to the facts of its report: the dev queries are measured once more."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from transformers import PreTrainedTokenizerFast

from catalog.model import Grade, Product
from training.corpus import Corpus
from training.dev import DevResult, dev_measure
from training.model import TwinEncoder
from training.recipe import Recipe
from training.report.facts import DevQuery, Ranked, RunFacts, StageReports

HITS = 10
WORST = 20
_MISSED = 3


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

"""The training queries of a corpus, with what a recipe adds to them."""

from __future__ import annotations

from dataclasses import replace

from training.augment.spelling import misspelt_queries
from training.corpus import Corpus
from training.settings import AugmentSettings


def with_misspelt_queries(corpus: Corpus, settings: AugmentSettings, seed: int) -> Corpus:
    """The corpus with `settings.misspelt_share` of its graded queries once more, misspelt.

    Part of the corpus, so that the record of seen queries holds the variants; none equals a query
    of the dev split or one without grades.
    """
    if not settings.misspelt_share:
        return corpus
    known = {*corpus.dev, *corpus.queries}
    train = misspelt_queries(corpus.train, settings.misspelt_share, seed, known)
    return replace(corpus, train=train)

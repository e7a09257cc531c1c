"""The training queries of a corpus, with what a recipe adds to them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from catalog.errors import TrainingError
from training.augment.spelling import misspelt_queries
from training.augment.synthetic import QueryGenerator, SyntheticSettings, synthetic_queries
from training.corpus import Corpus
from training.judge import Judge
from training.recipe import Recipe


def augmented(
    corpus: Corpus,
    recipe: Recipe,
    judge: Judge | None,
    say: Callable[[str], None],
    *,
    judge_name: str = "",
    generator: QueryGenerator | None = None,
    held_out: Collection[str] = (),
) -> Corpus:
    """The corpus with synthetic queries that `judge` graded, then with misspelt ones.

    Part of the corpus, so that the record of seen queries holds them; none equals a query of the
    dev split, one without grades or one of `held_out`, normalised queries that must stay unseen.
    `generator` makes the synthetic ones, templates if it is None. Their grades are on record as
    those of `judge_name`; a misspelt variant's are those of whoever graded its query.

    Raises:
        TrainingError: synthetic queries are asked for and nobody is there to grade them.

    """
    settings, known = recipe.augment, {*corpus.dev, *corpus.queries, *held_out}
    train, sources = dict(corpus.train), dict(corpus.sources)
    if settings.synthetic_share:
        if judge is None:
            raise TrainingError(
                "synthetic queries need a judge: people have not seen them",
                where="augment.synthetic_share",
                expected="--judge (in an ablation: judge), or a share of 0",
            )
        synthetic = synthetic_queries(
            corpus.products,
            train,
            judge,
            SyntheticSettings(settings.synthetic_share),
            recipe.seed,
            generator=generator,
            known=known,
        )
        say(
            f"synthetic queries: {len(synthetic.graded)} of {synthetic.made} made, "
            f"{synthetic.judged} of {synthetic.asked} pairs judged"
        )
        if not synthetic.made:
            say("  no product without a positive query gave a new one")
        train.update(synthetic.graded)
        sources |= {q: dict.fromkeys(rows, judge_name) for q, rows in synthetic.graded.items()}
    if settings.misspelt_share:
        labels = {query: (rows, sources.get(query, {})) for query, rows in train.items()}
        labels = misspelt_queries(labels, settings.misspelt_share, recipe.seed, known)
        train = {query: rows for query, (rows, _) in labels.items()}
        sources = {query: names for query, (_, names) in labels.items() if names}
    added = frozenset(train.keys() - corpus.train.keys())
    return replace(corpus, train=train, added=added, sources=sources)

"""How good the encoder is on queries it does not learn from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from transformers import PreTrainedTokenizerFast

from catalog.measures import evaluate_run
from training.corpus import Corpus
from training.embed import embed_texts
from training.model import TwinEncoder

_DEPTH = 100


def dev_measure(
    encoder: TwinEncoder, tokenizer: PreTrainedTokenizerFast, corpus: Corpus
) -> Callable[[], dict[str, float]] | None:
    """A function giving nDCG@10 and Recall@100 of the dev queries over the whole catalogue.

    Unjudged products count as irrelevant. None when there are no dev queries.
    """
    if not corpus.dev:
        return None
    names = list(corpus.dev)
    prefix = encoder.spec.template.query_prefix
    qrels = {q: {str(row): g for row, g in grades.items()} for q, grades in corpus.dev.items()}

    def measure() -> dict[str, float]:
        items = embed_texts(encoder, tokenizer, corpus.items, "item")
        queries = embed_texts(encoder, tokenizer, [prefix + name for name in names], "query")
        best = np.argsort(-(queries @ items.T), axis=1, kind="stable")[:, :_DEPTH]
        run = {name: [str(row) for row in rows] for name, rows in zip(names, best, strict=True)}
        values = evaluate_run(qrels, run, ks=(10, _DEPTH))
        return {
            f"dev_{name}": round(float(np.nanmean(values[name])), 4)
            for name in ("ndcg@10", "recall@100")
            if not np.isnan(values[name]).all()
        }

    return measure

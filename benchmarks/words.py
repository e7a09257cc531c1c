"""What compounds learnt from a catalogue do to the lexical arm alone.

    OMP_NUM_THREADS=1 python benchmarks/words.py --products A.jsonl --layout esci \
        --qrels TRAIN --qrels CAL --out raw.json

One catalogue read twice: word by word, and with the compounds that it shows. nDCG@10 of BM25F over
the whole catalogue, and the difference query by query with a 95 % bootstrap interval.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from catalog.measures import bootstrap_mean, evaluate_run, paired_bootstrap, qrels_of
from catalog.readers import read_judgments, read_products
from catalog.text import normalise
from index.lexical import LexicalIndex
from index.lexical_build import LexicalBuilder
from index.ranking import id_ranks
from index.words.settings import NAMING


def ndcg(index: LexicalIndex, ids: list[str], qrels: Any) -> Any:
    ranks, run = id_ranks(ids), {}
    for query in qrels:
        terms = index.analyser.query_terms(normalise(query))
        run[query] = [ids[row] for row in index.top(terms, 10, ranks)[0].tolist()]
    return evaluate_run(qrels, run, ks=(10,))["ndcg@10"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=Path, required=True)
    parser.add_argument("--layout", default="gradus")
    parser.add_argument("--qrels", type=Path, action="append", required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    plain = LexicalBuilder()
    learning = LexicalBuilder(learn=lambda corpus: corpus.learn(NAMING))
    learning.corpus = plain.corpus
    ids = []
    for product in read_products(arguments.products, arguments.layout):
        plain.add(product)
        ids.append(product.id)
    word_by_word, learnt = plain.build(), learning.build()
    report: dict[str, Any] = {
        "command": " ".join(sys.argv),
        "products": len(ids),
        "compounds": len(learnt.analyser.splits),
    }
    values = {}
    for path in arguments.qrels:
        qrels = qrels_of(read_judgments(path, known_products=frozenset(ids)))
        values[path.name] = ndcg(word_by_word, ids, qrels), ndcg(learnt, ids, qrels)
    values["together"] = tuple(
        np.concatenate(parts) for parts in zip(*values.values(), strict=True)
    )
    for name, (before, after) in values.items():
        report[name] = {
            "word_by_word": bootstrap_mean(before).record(),
            "learnt": bootstrap_mean(after).record(),
            "difference": paired_bootstrap(after, before).record(),
        }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""What spelling correction is worth, what it costs, and how often it meddles.

    gradus index build --products A.jsonl --layout esci --encoder DIR --qrels CAL --out ROOT
    OMP_NUM_THREADS=1 python benchmarks/spelling.py --index ROOT --qrels TRAIN --qrels CAL \
        --queries FILE --out raw.json

Misspelt: every judged query with one slip of `catalog.slips`, several seeds, each searched with and
without correction; the loss of nDCG@10 against the clean query, with a paired bootstrap over
queries. Meddling: real queries, brands and model numbers that a correction changed. A change of a
query is no fault where the word is a slip indeed: `--slips` lists those found by hand in the
sample, one a line. Times are of a correction that no cache answers; the kernel is a fixed
calculation before each, what the machine is worth at this moment.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from catalog.measures import bootstrap_mean, evaluate_run, paired_bootstrap, qrels_of
from catalog.readers import read_judgments, read_queries
from catalog.slips import with_a_slip
from catalog.text import normalise
from index.engine import Engine
from index.request import SearchRequest
from index.spelling.speller import Speller

speed = import_module("engine_speed")  # the script beside this one
SAMPLE = 500
MODES = ("hybrid", "lexical", "semantic")


def figures(engine: Engine, qrels: Any, texts: dict[str, str], mode: str, correct: bool) -> Any:
    """The nDCG@10 of each query when `texts[query]` is typed for it, (queries,) float64."""
    run = {}
    for query in qrels:
        request = SearchRequest(
            texts[query], limit=10, mode=mode, min_tier="irrelevant", correct=correct
        )
        run[query] = [hit.id for hit in engine.search(request).hits]
    return evaluate_run(qrels, run, ks=(10,))["ndcg@10"]


def misspelt(engine: Engine, qrels: Any, seeds: int) -> dict[str, Any]:
    slipped = [
        {query: with_a_slip(query, seed) or query for query in qrels} for seed in range(seeds)
    ]
    mended = [
        engine.speller.correct(normalise(text))[0] == normalise(query)
        for texts in slipped
        for query, text in texts.items()
        if text != query
    ]
    report: dict[str, Any] = {
        "queries": len(qrels),
        "seeds": seeds,
        "typed": len(mended),
        "restored_exactly": float(np.mean(mended)),
    }
    for mode in MODES:
        clean = figures(engine, qrels, {query: query for query in qrels}, mode, True)
        of_mode: dict[str, Any] = {"clean": bootstrap_mean(clean).record()}
        for name, correct in (("corrected", True), ("not_corrected", False)):
            values = np.mean(
                [figures(engine, qrels, texts, mode, correct) for texts in slipped], axis=0
            )
            loss = paired_bootstrap(clean, values)
            of_mode[name] = bootstrap_mean(values).record() | {
                "loss": loss.record(),
                "relative_loss": loss.mean / float(clean.mean()),
            }
        report[mode] = of_mode
    return report


def meddling(speller: Speller, texts: list[str], slips: set[str]) -> dict[str, Any]:
    changed = [
        (one.typed, one.meant) for text in texts for one in speller.correct(normalise(text))[1][:1]
    ]
    wrong = sorted(pair for pair in changed if pair[0] not in slips)
    return {
        "asked": len(texts),
        "changed": len(changed),
        "changed_though_right": len(wrong),
        "share": len(wrong) / max(1, len(texts)),
        "wrong": wrong,
        "slips": sorted(pair for pair in changed if pair[0] in slips),
    }


def names(engine: Engine, seed: int) -> tuple[list[str], list[str]]:
    """Words of brands, and words of titles that hold letters and digits."""
    brands, models = set(), set()
    for product in engine.bundle.store.products():
        brands.update(re.findall(r"[^\W\d_]{3,}", normalise(product.brand)))
        for word in normalise(product.title).split():
            if re.search(r"\d", word) and re.search(r"[^\W\d_]{2}", word):
                models.add(word.strip("()[],.;:"))
    rng = random.Random(seed)
    return (
        rng.sample(sorted(brands), min(SAMPLE, len(brands))),
        rng.sample(sorted(models), min(SAMPLE, len(models))),
    )


def times(speller: Speller, texts: list[str]) -> dict[str, float]:
    """Microseconds of one correction, no cache."""
    found, kernels = [], []
    for text in [normalise(text) for text in texts] * 2:
        kernels.append(speed.kernel())
        began = perf_counter()
        speller._correct(text, math.inf)
        found.append(perf_counter() - began)
    half = np.array(found[len(texts) :]) * 1e6
    base = float(np.median(kernels)) * 1e6
    return {
        "median": round(float(np.median(half)), 1),
        "p99": round(float(np.percentile(half, 99)), 1),
        "kernel": round(base, 1),
        "median_by_kernel": round(float(np.median(half)) / base, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--qrels", type=Path, action="append", required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--slips", type=Path, help="Misspelt words found by hand in the sample.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    engine = Engine.open(arguments.index)
    speller = engine.speller
    slips = set(arguments.slips.read_text().split()) if arguments.slips else set()
    queries = [query for query, _ in read_queries(arguments.queries)]
    sample = random.Random(arguments.seed).sample(queries, min(SAMPLE, len(queries)))
    brands, models = names(engine, arguments.seed)
    known = frozenset(engine.bundle.store.ids)
    qrels_by_file = {
        path.name: qrels_of(read_judgments(path, known_products=known)) for path in arguments.qrels
    }
    qrels = {query: grades for part in qrels_by_file.values() for query, grades in part.items()}
    slipped = [text for query in qrels if (text := with_a_slip(query, 0)) is not None]
    report = {
        "command": " ".join(sys.argv),
        "machine": speed.cpu_model(),
        "products": len(engine.bundle.store),
        "words": len(speller.dictionary.words),
        "built_with": engine.bundle.manifest.config.get("words"),
        "microseconds": {
            "real_queries": times(speller, sample),
            "misspelt_queries": times(speller, slipped),
        },
        "meddling": {
            "real_queries": meddling(speller, sample, slips),
            "brands": meddling(speller, brands, set()),
            "models": meddling(speller, models, set()),
        },
        "misspelt": {
            name: misspelt(engine, part, arguments.seeds) for name, part in qrels_by_file.items()
        }
        | {"together": misspelt(engine, qrels, arguments.seeds)},
    }
    text = json.dumps(report, indent=2, ensure_ascii=False)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""Where a run's result goes: the checkpoint artefact."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from transformers import PreTrainedTokenizerFast

from catalog.artefact import hash_file, write_manifest
from catalog.text import normalise
from training.corpus import Corpus, CorpusFiles
from training.mined_pairs import MinedPairs, write_mined
from training.model import TwinEncoder
from training.recipe import Recipe
from training.report.facts import result_of
from training.report.gather import run_facts
from training.report.page import write_report

KIND = "checkpoint"
MINED = "mined.parquet"
LIBRARIES = ("torch", "transformers", "accelerate", "tokenizers")
_PARITY_QUERIES, _PARITY_ITEMS = 300, 1500
_FEW_QUERIES = 50


def input_hashes(files: CorpusFiles) -> dict[str, str]:
    """Sha256 of every input file, by role and position."""
    roles = {
        "products": files.products,
        "qrels": files.qrels,
        "extra_qrels": files.extra_qrels,
        "queries": files.queries,
        "synthetic": [files.synthetic] if files.synthetic else [],
    }
    return {
        f"{role}.{place}": hash_file(path)
        for role, paths in roles.items()
        for place, path in enumerate(paths)
    }


def write_checkpoint(
    directory: Path,
    encoder: TwinEncoder,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    corpus: Corpus,
    reports: dict[str, dict[str, Any]],
    inputs: dict[str, str],
    mined: MinedPairs | None = None,
) -> None:
    """Fill `directory` with the artefact: network, tokenizer, reports, and who was trained on."""
    measured = [found for report in reports.values() if (found := result_of(report, "dev"))]
    quality = {k: v for k, v in measured[-1].items() if k != "step"} if measured else {}
    summary = {
        "recipe": recipe.record(),
        "architecture": encoder.spec.architecture,
        "products": len(corpus.products),
        "train_queries": len(corpus.train),
        "dev_queries": len(corpus.dev),
        "ungraded_queries": len(corpus.queries),
        "seconds": round(sum(report["seconds"] for report in reports.values()), 1),
        "quality": quality,
        "stages": reports,
    }
    encoder.save(directory)
    tokenizer.backend_tokenizer.no_truncation()  # else the last text's limit would be saved
    tokenizer.save_pretrained(directory)
    _dump(directory / "train_queries.json", sorted(corpus.seen))
    _dump(directory / "parity_texts.json", _parity_texts(recipe, corpus))
    _dump(directory / "report.json", summary)
    for name, report in reports.items():
        (directory / "stages" / name).mkdir(parents=True)
        _dump(directory / "stages" / name / "report.json", report)
    write_report(directory, run_facts(encoder, tokenizer, corpus, reports, recipe), inputs)
    if mined is not None:
        write_mined(directory / MINED, mined, [product.id for product in corpus.products])
    write_manifest(
        directory,
        KIND,
        parents=inputs,
        config=recipe.record(),
        quality=quality,
        libraries=LIBRARIES,
    )


def _parity_texts(recipe: Recipe, corpus: Corpus) -> dict[str, list[str]]:
    """Queries and items, drawn by seed, for comparing an export with this checkpoint.

    Real queries, or first words of titles where there are next to none.
    """
    rng = Random(recipe.seed)
    queries = list(dict.fromkeys((*corpus.dev, *corpus.train, *corpus.queries)))
    if len(queries) < _FEW_QUERIES:
        titles = (" ".join(normalise(product.title).split()[:3]) for product in corpus.products)
        queries = list(dict.fromkeys((*queries, *filter(None, titles))))
    items = list(corpus.items)
    return {
        "queries": rng.sample(queries, min(_PARITY_QUERIES, len(queries))),
        "items": rng.sample(items, min(_PARITY_ITEMS, len(items))),
    }


def _dump(path: Path, body: Any) -> None:
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

"""The training job: read, train, write; what `gradus train` runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import torch

from catalog.artefact import writing
from catalog.issues import Issues
from training.augment.apply import with_misspelt_queries
from training.checkpoint import input_hashes, work_directory, write_checkpoint
from training.corpus import CorpusFiles, read_corpus
from training.network import text_template
from training.recipe import Recipe
from training.run import Run


def run_job(
    recipe: Recipe, files: CorpusFiles, out: Path, *, threads: int, say: Callable[[str], None]
) -> None:
    """Train by `recipe` on `files` and write the checkpoint to `out`.

    What is killed or stopped leaves its work beside `out` and goes on when run again.

    Raises:
        CatalogError, JudgmentError: an input file cannot be used, or a held-out query leaks.
        TrainingError: no products, or a backbone that cannot be loaded.
        BundleError: `out` is something other than an artefact; said before anything is trained.

    """
    if threads:
        torch.set_num_threads(threads)
    began = time.monotonic()
    issues = Issues()
    corpus = read_corpus(
        files,
        text_template(recipe.text),
        dev_fraction=recipe.dev_fraction,
        seed=recipe.seed,
        issues=issues,
    )
    if issues.total:
        say(issues.summary())
    say(
        f"recipe {recipe.name}, seed {recipe.seed}: {len(corpus.products)} products, "
        f"{len(corpus.train)} graded queries, {len(corpus.dev)} for dev, "
        f"{len(corpus.queries)} without grades"
    )
    corpus = with_misspelt_queries(corpus, recipe.augment, recipe.seed)
    inputs = input_hashes(files)
    out = out.absolute()
    with writing(out) as directory:
        work = work_directory(out, recipe, inputs)
        run = Run(recipe, corpus, work, say)
        encoder = run.train()
        write_checkpoint(
            directory, encoder, run.tokenizer, recipe, corpus, run.reports, inputs, run.mined
        )
    shutil.rmtree(work.parent, ignore_errors=True)
    say(f"wrote {out} after {time.monotonic() - began:.0f} s")

"""The training job: read, train, write; what `gradus train` runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from catalog.artefact import writing
from catalog.issues import Issues
from training.augment.apply import augmented
from training.augment.opening import file_queries, refuse_unused
from training.base import Base
from training.board import keep_logs
from training.checkpoint import KIND, input_hashes, write_checkpoint
from training.corpus import Corpus, CorpusFiles, read_corpus
from training.held_out import held_out_queries, refuse_shared
from training.judges.opening import OpenJudge
from training.judges.unseen import opened_unseen
from training.memory import keep_freed_memory
from training.network import text_template
from training.ranks import Ranks, joined
from training.recipe import Recipe
from training.run import Run
from training.work import held, prepare, refuse_held, work_path


def run_job(
    recipe: Recipe,
    files: CorpusFiles,
    out: Path,
    *,
    threads: int,
    say: Callable[[str], None],
    judge: Path | None = None,
) -> None:
    """Train by `recipe` on `files` and write the checkpoint to `out`.

    `judge` is a cross-encoder's directory, a language model's TOML file, or a file of judgments;
    it grades mined pairs that nobody has, and synthetic queries.

    What is killed or stopped leaves its work beside `out` and goes on when run again. Of several
    processes that torchrun started the first one speaks and writes.

    Raises:
        CatalogError, JudgmentError: an input file cannot be used; a held-out query leaks, into the
            training of the judge or of the base model, too; two held-out files share a query.
        TrainingError: no products, no such backbone, or another run is writing to `out`; synthetic
            queries without a judge, or a file of them without a share.
        BundleError: `out` is something other than an artefact, or a base model of ours is damaged;
            said before anything is trained.

    """
    if threads:
        torch.set_num_threads(threads)
    keep_freed_memory()
    with joined() as ranks:
        _train(recipe, files, judge, out.absolute(), ranks, ranks.only_first(say))


def _train(
    recipe: Recipe,
    files: CorpusFiles,
    judge: Path | None,
    out: Path,
    ranks: Ranks,
    say: Callable[[str], None],
) -> None:
    began = time.monotonic()
    if ranks.first:
        refuse_held(out)
    refuse_unused(files, recipe)
    refuse_shared(files.held_out)
    corpus = _read(recipe, files, say)
    # One process asks for all: a language model is paid once, and its cache has one owner.
    asked = judge if ranks.first else None
    with opened_unseen(asked, corpus.products, corpus.dev, files.held_out) as opened:
        grown, inputs = ranks.given(partial(_grown, recipe, files, corpus, opened, say))
        corpus = replace(grown, products=corpus.products, items=corpus.items)
        run = Run(recipe, corpus, work_path(out, recipe, inputs), say, opened, ranks)
        _run(run, inputs, out)
    if ranks.first:
        say(f"wrote {out} after {time.monotonic() - began:.0f} s")


def _grown(
    recipe: Recipe,
    files: CorpusFiles,
    corpus: Corpus,
    opened: OpenJudge | None,
    say: Callable[[str], None],
) -> tuple[Corpus, dict[str, str]]:
    """The corpus with all that joins it, and what the run is made from, by role.

    Without products and their texts: every process has read those.
    """
    base = Base.of(recipe.network.base_model)
    base.refuse_leaks(corpus.dev, files.held_out)
    grown = augmented(
        replace(corpus, inherited=base.seen),
        recipe,
        opened.judge if opened else None,
        say,
        judge_name=opened.source if opened else "",
        generator=file_queries(files, corpus.products, say),
        held_out=held_out_queries(files.held_out),
    )
    inputs = input_hashes(files) | base.inputs
    if opened:
        inputs["judge"] = opened.source
        for line in opened.account() if recipe.augment.synthetic_share else ():
            say(line)
    return replace(grown, products=(), items=()), inputs


def _run(run: Run, inputs: dict[str, str], out: Path) -> None:
    ranks = run.ranks
    if not ranks.first:
        ranks.wait()  # until the work directory is ours
        run.train()
        ranks.wait()
        return
    with held(out):
        with writing(out, KIND) as directory:
            prepare(run.work)
            ranks.wait()
            encoder = run.train()
            ranks.wait()
            keep_logs(run.work, directory)
            write_checkpoint(
                directory,
                encoder,
                run.tokenizer,
                run.recipe,
                run.corpus,
                run.reports,
                inputs,
                run.mined,
            )
        shutil.rmtree(run.work, ignore_errors=True)


def _read(recipe: Recipe, files: CorpusFiles, say: Callable[[str], None]) -> Corpus:
    """The corpus, and a word on what it holds."""
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
    return corpus

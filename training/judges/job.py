"""Training a cross-encoder as a judge; what `gradus judge train` runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from catalog.artefact import read_manifest, write_manifest, writing
from catalog.errors import TrainingError
from catalog.issues import Issues
from catalog.split import query_hash
from training.checkpoint import KIND as CHECKPOINT
from training.checkpoint import LIBRARIES, input_hashes
from training.corpus import CorpusFiles, read_corpus
from training.held_out import refuse_shared
from training.judges.cross_encoder import KIND, CrossEncoderJudge
from training.judges.cross_network import is_checkpoint, starting_point
from training.judges.cross_settings import CrossSpec, CrossTraining
from training.judges.cross_training import fine_tune
from training.judges.measuring import dump, headline, measured, summary
from training.judges.seen import SEEN, refuse_seen_in, seen_queries

Say = Callable[[str], None]


def train_judge(
    settings: CrossTraining,
    spec: CrossSpec,
    files: CorpusFiles,
    out: Path,
    *,
    dev_fraction: float,
    threads: int,
    say: Say,
) -> None:
    """Fine-tune a cross-encoder, measure it on the queries kept out, write it to `out`.

    Raises:
        CatalogError, JudgmentError: an input file cannot be used, a held-out query leaks, or two
            held-out files share one.
        JudgmentError: the checkpoint that it starts from has seen queries that are to measure it
            or are held out.
        TrainingError: no judgments, or an encoder that cannot be loaded.
        BundleError: `out` is something other than an artefact.

    """
    if threads:
        torch.set_num_threads(threads)
    began = time.monotonic()
    refuse_shared(files.held_out)
    issues = Issues()
    corpus = read_corpus(
        files, spec.template, dev_fraction=dev_fraction, seed=settings.seed, issues=issues
    )
    if issues.total:
        say(issues.summary())
    if not corpus.train:
        raise TrainingError("there are no judgments to learn from", expected="--qrels FILE")
    seen = {query_hash(query) for query in corpus.train}  # the others only measure it
    if is_checkpoint(settings.base):
        before = seen_queries(Path(settings.base))
        refuse_seen_in(before, corpus.dev, files.held_out, settings.base)
        seen |= before
    torch.manual_seed(settings.seed)  # the classifier's head is drawn
    with writing(out, KIND) as directory:
        model, tokenizer = starting_point(settings.base, spec.max_tokens)
        judge = CrossEncoderJudge(model, tokenizer, spec, corpus.items)
        report: dict[str, Any] = {"training": fine_tune(judge, corpus.train, settings, say)}
        if corpus.dev:
            say(f"measure {len(corpus.dev)} queries that it has not seen")
            report |= measured(judge, corpus.products, corpus.dev, corpus.train)
        judge.save(directory)
        dump(directory / SEEN, sorted(seen))
        dump(directory / "report.json", report)
        write_manifest(
            directory,
            KIND,
            parents=_parents(files, settings.base),
            config={"training": settings.record(), "dev_fraction": dev_fraction},
            quality=headline(report),
            libraries=LIBRARIES,
        )
    say(f"wrote {out} after {time.monotonic() - began:.0f} s")
    say(summary(report))


def _parents(files: CorpusFiles, base: str) -> dict[str, str]:
    parents = input_hashes(files)
    if is_checkpoint(base):
        parents["checkpoint"] = read_manifest(Path(base), CHECKPOINT, verify=False).fingerprint
    return parents

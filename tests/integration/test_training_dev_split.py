"""Early stopping where there is a dev split to stop by, and where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread_and_no_hub")]

RECIPE = """
dev_fraction = 0
[network]
layers = 0
width = 16
heads = 2
vocabulary = 400
dim = 16
[text]
max_item_tokens = 12
description_words = 0
[bag]
steps = 2
batch = 8
[distil]
steps = 3
batch = 4
[supcon]
steps = 3
batch = 4
[mine]
depth = 10
[refine]
steps = 3
batch = 4
"""
STAGES = ("distil", "supcon", "refine")
PATIENT = {f"{stage}.patience": "1" for stage in STAGES}


def train(shop: Path, out: Path, changes: dict[str, str]) -> tuple[list[bytes], list[str]]:
    """The weights that a run ends with, and what it said."""
    from training.corpus import CorpusFiles
    from training.job import run_job
    from training.recipe import load_recipe

    said: list[str] = []
    files = CorpusFiles([shop / "products.jsonl"], [shop / "qrels_train.tsv"])
    run_job(load_recipe(f"{shop}/tiny.toml", changes), files, out, threads=1, say=said.append)
    names = ("backbone/model.safetensors", "heads.safetensors")
    return [(out / name).read_bytes() for name in names], said


def test_without_a_dev_split_patience_keeps_what_was_learned(shop: Path, tmp_path: Path) -> None:
    plain, quiet = train(shop, tmp_path / "plain", {})
    patient, said = train(shop, tmp_path / "patient", PATIENT)
    start, _ = train(shop, tmp_path / "start", {f"{stage}.steps": "0" for stage in STAGES})
    assert patient == plain
    assert patient != start
    told = [line.partition(":")[0] for line in said if "patience is left out" in line]
    assert told == list(STAGES)
    assert not any("patience" in line for line in quiet)

"""Trainings side by side: several processes of one run, and two runs that want the same place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from catalog.artefact import read_manifest
from catalog.errors import TrainingError
from catalog.readers import read_products

pytestmark = pytest.mark.slow

RECIPE = """
dev_fraction = 0.2
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
steps = 4
batch = 8
[supcon]
steps = 2
batch = 4
pair_weight = 0.5
pair_overlap = 0.05
pair_shared = 1
[mine]
depth = 10
[refine]
steps = 2
batch = 4
average = 0.5
"""


def together(shop: Path, out: Path, *more: str) -> str:
    """Train with two processes and give what they said."""
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "gradus", "train", "--products", f"{shop}/products.jsonl"),
        *("--qrels", f"{shop}/qrels_train.tsv", "--recipe", f"{shop}/tiny.toml"),
        *("--out", str(out), "--threads", "1", *more),
    ]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_two_processes_train_one_encoder(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "checkpoint"
    said = together(shop, out)
    # One of them speaks, and one of them writes.
    for once in ("recipe tiny, seed 7", "step 4/4", "mine: ", f"wrote {out}"):
        assert said.count(once) == 1, said
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    manifest = read_manifest(out, "checkpoint", verify=True)
    assert 0 <= manifest.quality["dev_ndcg@10"] <= 1
    stages = json.loads((out / "report.json").read_text())["stages"]
    assert list(stages) == ["bag", "supcon", "mine", "refine"]
    # Few have a partner, so that most batches have no pair.
    assert 2 <= stages["supcon"]["paired_queries"] < 8
    for name, steps in (("bag", 4), ("supcon", 2), ("refine", 2)):
        assert [step for step, _ in stages[name]["loss"]] == list(range(1, steps + 1))
        assert [entry["step"] for entry in stages[name]["dev"]] == list(range(steps + 1))
        assert [entry["step"] for entry in stages[name]["separation"]] == list(range(steps + 1))
        assert stages[name]["result_step"] == stages[name]["steps"] == steps


def test_of_two_processes_one_asks_the_judge(
    shop: Path, chat_endpoint: Any, tmp_path: Path
) -> None:
    """Its cache has one owner; what it said reaches the other, or their batches would differ."""
    from training.mined_pairs import read_mined

    judge = chat_endpoint.judge(tmp_path / "judge.toml")
    shares = ("--set", "augment.synthetic_share=0.1", "--set", "mine.depth=4")
    said = together(shop, tmp_path / "checkpoint", "--judge", str(judge), *shares)
    assert said.count("synthetic queries: ") == said.count("mine: ") == 1
    assert len(chat_endpoint.asked) == len(set(chat_endpoint.asked)) > 0, "no pair is paid twice"
    ids = {p.id: row for row, p in enumerate(read_products(shop / "products.jsonl", "gradus"))}
    pairs = read_mined(tmp_path / "checkpoint" / "mined.parquet", ids)
    assert {by.partition(":")[0] for by in pairs.judge} == {"policy", "llm"}
    parents = read_manifest(tmp_path / "checkpoint", "checkpoint").parents
    assert parents["judge"].startswith("llm:tiny:")


def test_what_one_makes_is_given_to_all() -> None:
    """Without the others there is nobody to hand it to."""
    from training.ranks import Ranks

    assert Ranks().given(lambda: "made") == "made"


def test_several_processes_never_see_a_pair_twice():
    from training.stages import OrderedTrainer

    class Arguments:
        world_size = 3

    trainer = OrderedTrainer.__new__(OrderedTrainer)
    trainer.train_dataset, trainer.args = range(10), Arguments()  # type: ignore[assignment]
    assert list(trainer._get_train_sampler()) == list(range(30))


def test_alone_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from training.ranks import Ranks, joined

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    said: list[str] = []
    with joined() as ranks:
        assert ranks == Ranks(0, 1)
        ranks.wait()
        ranks.only_first(said.append)("a line")
    Ranks(1, 2).only_first(said.append)("another")
    assert said == ["a line"]


# --- one place, two runs ---------------------------------------------------------------------


def test_a_second_run_is_refused_and_leaves_the_first_ones_work(shop: Path, tmp_path: Path) -> None:
    from training.corpus import CorpusFiles
    from training.job import run_job
    from training.recipe import load_recipe
    from training.work import held, prepare, work_path

    out = tmp_path / "checkpoint"
    recipe = load_recipe(f"{shop}/tiny.toml", {"supcon.steps": "0", "refine.steps": "0"})
    files = CorpusFiles([shop / "products.jsonl"])
    first = work_path(out, load_recipe("demo"), {})
    with held(out):
        prepare(first)
        (first / "checkpoint").write_text("hours of work")
        with pytest.raises(TrainingError, match="another training run is writing here") as raised:
            run_job(recipe, files, out, threads=1, say=lambda line: None)
        assert raised.value.where == str(out)
        with pytest.raises(TrainingError, match="another training run"):  # before a file is read
            run_job(recipe, CorpusFiles([out / "none"]), out, threads=1, say=lambda line: None)
        assert (first / "checkpoint").read_text() == "hours of work"
    # The first one was stopped: its work stays until another recipe wants the place.
    assert (first / "checkpoint").is_file()
    run_job(recipe, files, out, threads=1, say=lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    from training.work import held

    out = tmp_path / "checkpoint"
    code = (
        "import sys, time; from pathlib import Path; from training.work import held\n"
        "with held(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(out)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(TrainingError, match="another training run"), held(out):
            pass
        process.send_signal(signal.SIGKILL)
    with held(out):
        assert (tmp_path / ".checkpoint.work" / "lock").is_file()
    assert list(tmp_path.iterdir()) == [], "nothing was left in it"


def test_other_work_is_cleared_and_the_same_is_kept(tmp_path: Path) -> None:
    from training.recipe import Recipe
    from training.work import held, prepare, work_path

    out = tmp_path / "checkpoint"
    ours, other = (work_path(out, Recipe(seed=seed), {"products.0": "ab"}) for seed in (1, 2))
    assert work_path(out, Recipe(seed=1), {"products.0": "cd"}) not in (ours, other)
    with held(out):
        prepare(ours)
        (ours / "kept").touch()
        prepare(ours)
        assert (ours / "kept").is_file()
        prepare(other)
        assert not ours.exists()
        assert other.is_dir()

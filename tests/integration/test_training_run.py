"""Whole training runs, tiny: what they write, that they repeat, that they survive being killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from catalog.artefact import read_manifest
from catalog.demo import QueryCounts, generate, write
from catalog.errors import BundleError, GradusError, JudgmentError, TrainingError
from catalog.model import Grade, Judgment, Product
from catalog.readers import (
    read_judgments,
    read_products,
    read_queries,
    write_judgments,
    write_products,
)
from catalog.split import query_hash
from catalog.text import normalise
from training.cli import app

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread_and_no_hub")]

RECIPE = """
dev_fraction = 0.2
[network]
layers = 1
width = 32
heads = 2
vocabulary = 600
dim = 32
matryoshka = [16]
[text]
max_query_tokens = 8
max_item_tokens = 16
description_words = 4
[bag]
steps = 6
batch = 16
average = 0.9
[pretrain]
steps = 3
batch = 8
misspelt_share = 0.3
[augment]
misspelt_share = 0.4
[instances]
items = 6
assumed = 2
[supcon]
steps = 6
batch = 4
head_rate = 3.0
stay = 0.5
patience = 9
[mine]
depth = 20
rounds = 2
[refine]
steps = 3
batch = 4
average = 0.5
stay = 0.5
[distil]
steps = 3
batch = 8
temperature = 0.05
"""
STAGES = ("bag", "pretrain", "distil", "supcon", "mine", "refine", "mine-2", "refine-2")

Say = Callable[[str], None]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 products, about 40 judged queries, and the recipe. Read only."""
    out = tmp_path_factory.mktemp("train") / "shop"
    write(generate(5, 150, counts=QueryCounts(40, 5, 5)), out)
    (out / "tiny.toml").write_text(RECIPE)
    return out


def arguments(shop: Path, out: Path, *more: str) -> list[str]:
    return [
        *("--products", f"{shop}/products.jsonl", "--qrels", f"{shop}/qrels_train.tsv"),
        *("--queries", f"{shop}/queries.tsv", "--held-out", f"{shop}/qrels_calibration.tsv"),
        *("--recipe", f"{shop}/tiny.toml", "--out", str(out), "--threads", "1", *more),
    ]


def train(shop: Path, out: Path, *more: str) -> str:
    """Run the command and give what it said; an error of ours is raised."""
    result = CliRunner().invoke(app, arguments(shop, out, *more))
    if result.exception is not None:
        raise result.exception
    return result.stderr


def job(shop: Path, out: Path, *, say: Say = lambda line: None, **changes: str) -> None:
    """The same run in process, with every line it says handed to `say`."""
    from training.corpus import CorpusFiles
    from training.job import run_job
    from training.recipe import load_recipe

    files = CorpusFiles(
        products=[shop / "products.jsonl"],
        qrels=[shop / "qrels_train.tsv"],
        queries=[shop / "queries.tsv"],
    )
    recipe = load_recipe(
        str(shop / "tiny.toml"), {k.replace("__", "."): v for k, v in changes.items()}
    )
    run_job(recipe, files, out, threads=1, say=say)


def stop_at(place: str) -> Say:
    """Ctrl-C when the run says a line with `place` in it."""

    def say(line: str) -> None:
        if place in line:
            raise KeyboardInterrupt

    return say


class Second:
    """Ctrl-C when the run says a line with `place` in it for the second time."""

    def __init__(self, place: str) -> None:
        self.place, self.count = place, 0

    def __call__(self, line: str) -> None:
        self.count += self.place in line
        if self.count == 2:
            raise KeyboardInterrupt


def weights(checkpoint: Path) -> dict[str, bytes]:
    names = ("backbone/model.safetensors", "heads.safetensors", "tokenizer.json")
    return {name: (checkpoint / name).read_bytes() for name in names}


def report(checkpoint: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((checkpoint / "report.json").read_text())
    return body


def curves(checkpoint: Path) -> dict[str, tuple[Any, Any]]:
    stages = report(checkpoint)["stages"]
    return {name: (stages[name].get("loss"), stages[name].get("dev")) for name in STAGES}


@pytest.fixture(scope="module")
def trained(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run through the command line. Read only."""
    out = tmp_path_factory.mktemp("trained") / "checkpoint"
    said = train(shop, out)
    assert f"wrote {out}" in said
    assert not (out.parent / ".checkpoint.work").exists()
    assert [path.name for path in out.parent.iterdir()] == ["checkpoint"]
    return out


# --- what a run writes -----------------------------------------------------------------------


def test_the_checkpoint_is_a_whole_artefact(trained: Path, shop: Path) -> None:
    manifest = read_manifest(trained, "checkpoint", verify=True)
    assert {"products.0", "qrels.0", "queries.0"} == set(manifest.parents)
    assert manifest.config["supcon"]["steps"] == 6
    assert 0 <= manifest.quality["dev_ndcg@10"] <= 1
    assert {"report.html", "report.json", "mined.parquet"} <= set(manifest.files)
    assert {"torch", "transformers"} <= set(manifest.libraries)


def test_every_stage_reports(trained: Path) -> None:
    body = report(trained)
    assert tuple(body["stages"]) == STAGES
    assert body["products"] == 150
    for name in STAGES:
        alone = json.loads((trained / "stages" / name / "report.json").read_text())
        assert alone == body["stages"][name]
    for name, steps in (("bag", 6), ("pretrain", 3), ("supcon", 6), ("refine", 3)):
        stage = body["stages"][name]
        assert [step for step, _ in stage["loss"]] == list(range(1, steps + 1))
        assert stage["dev"][-1]["step"] == steps
        assert stage["queries_per_second"] > 0
    assert body["quality"] == {
        k: v for k, v in body["stages"]["refine-2"]["dev"][-1].items() if k != "step"
    }
    assert body["stages"]["mine"]["judged"] > 0


def curves_of(checkpoint: Path, stage: str) -> dict[str, list[int]]:
    """The steps of every curve that TensorBoard shows of a stage, start by start."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[str, list[int]] = {}
    for path in sorted((checkpoint / "tensorboard" / stage).iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.HasField("tensor") and value.tag.startswith(("train/", "eval/")):
                    found.setdefault(value.tag, []).append(event.step)
    return found


def test_the_logs_of_tensorboard_are_kept(trained: Path) -> None:
    stages = {path.name for path in (trained / "tensorboard").iterdir()}
    assert stages == {stage for stage in STAGES if not stage.startswith("mine")}
    curves = curves_of(trained, "supcon")
    assert curves["train/loss"] == [1, 2, 3, 4, 5, 6]
    assert curves["train/dev_ndcg@10"] == [
        entry["step"] for entry in report(trained)["stages"]["supcon"]["dev"]
    ]
    files = read_manifest(trained, "checkpoint", verify=True).files
    assert "tensorboard/supcon/events.out.tfevents.001" in files
    assert not any(socket.gethostname() in name for name in files)


def test_every_query_that_was_used_is_on_record(trained: Path, shop: Path) -> None:
    asked = [query for query, _ in read_queries(shop / "queries.tsv")]
    judged = [one.query for one in read_judgments(shop / "qrels_train.tsv")]
    hashes = json.loads((trained / "train_queries.json").read_text())
    known = {query_hash(query) for query in [*asked, *judged]}
    assert hashes == sorted(set(hashes))
    assert known < set(hashes), "misspelt variants are on record, too"
    body = report(trained)
    originals = body["train_queries"] - len(set(hashes) - known)
    assert len(set(hashes) - known) == pytest.approx(0.4 * originals, abs=2)


def test_every_mined_pair_is_kept(trained: Path, shop: Path) -> None:
    from training.mined_pairs import read_mined

    ids = {p.id: row for row, p in enumerate(read_products(shop / "products.jsonl", "gradus"))}
    pairs = read_mined(trained / "mined.parquet", ids)
    stages = report(trained)["stages"]
    assert len(pairs) >= stages["mine"]["retrieved"]
    assert set(pairs.round.tolist()) == {1, 2}
    assert set(pairs.judge.tolist()) == {"", "policy"}, "who graded them in the file"
    assert pairs.count("hard_negative") == stages["mine-2"]["hard_negatives"]
    assert pairs.count("hard_positive") == stages["mine-2"]["hard_positives"]
    assert pairs.rank.min() == 1
    assert pairs.rank.max() == 20


def test_the_network_can_be_read_back(trained: Path) -> None:
    from training.embed import embed_texts
    from training.model import TwinEncoder
    from training.tokenizer import pretrained_tokenizer

    encoder, tokenizer = TwinEncoder.load(trained).eval(), pretrained_tokenizer(str(trained))
    assert tokenizer.backend_tokenizer.truncation is None, "a limit of training's was saved"
    vectors = embed_texts(encoder, tokenizer, ["red kettle", "", "kettle red"], "query")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert encoder.spec.architecture == "transformer 1x32"


def test_a_stage_that_gets_worse_stops_and_keeps_its_best(shop: Path, tmp_path: Path) -> None:
    """A rate that ruins the encoder: the stage must not end with the ruins, stopped or resumed."""
    changes = {
        "pretrain__steps": "0",
        "refine__steps": "0",
        "supcon__steps": "40",
        "supcon__learning_rate": "0.5",
        "supcon__stay": "0",
        "supcon__patience": "1",
    }
    job(shop, tmp_path / "one", **changes)
    stage = report(tmp_path / "one")["stages"]["supcon"]
    curve = [entry["dev_ndcg@10"] for entry in stage["dev"]]
    assert stage["steps"] < 40
    assert curve[-1] <= max(curve) == curve[0]
    before = report(tmp_path / "one")["stages"]["distil"]["dev"][-1]["dev_ndcg@10"]
    assert curve[0] == pytest.approx(before, abs=1e-4)
    job(shop, tmp_path / "bag", **{**changes, "supcon__steps": "0"})
    assert weights(tmp_path / "one") == weights(tmp_path / "bag")
    with pytest.raises(KeyboardInterrupt):
        job(shop, tmp_path / "two", say=stop_at("supcon: "), **changes)
    with pytest.raises(KeyboardInterrupt):
        job(shop, tmp_path / "two", say=Second("supcon: "), **changes)
    again: list[str] = []
    job(shop, tmp_path / "two", say=again.append, **changes)
    assert weights(tmp_path / "two") == weights(tmp_path / "one")
    assert any(f"goes on from step {stage['steps']} of 40" in line for line in again)


# --- the same again --------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights(trained: Path, shop: Path, tmp_path: Path) -> None:
    job(shop, tmp_path / "again")
    assert weights(tmp_path / "again") == weights(trained)
    assert curves(tmp_path / "again") == curves(trained)


def test_another_seed_gives_other_weights(trained: Path, shop: Path, tmp_path: Path) -> None:
    job(shop, tmp_path / "other", seed="8")
    one, two = (load_file(path / "heads.safetensors") for path in (trained, tmp_path / "other"))
    assert all(not np.array_equal(one[name], two[name]) for name in one)


def test_a_grown_transformer_is_the_function_the_bag_was(shop: Path) -> None:
    import torch

    from training.embed import embed_texts
    from training.network import fresh_encoder, grow
    from training.recipe import load_recipe
    from training.tokenizer import learn_tokenizer

    recipe = load_recipe(str(shop / "tiny.toml"), {"network.layers": "2"})
    texts = [
        f"{colour} {kind}" for colour in ("red", "blue") for kind in ("kettle", "hose", "rug 2 m")
    ]
    tokenizer = learn_tokenizer(texts * 2, 100)
    torch.manual_seed(1)
    bag = fresh_encoder(recipe, len(tokenizer), 0)
    for name, weight in bag.named_parameters():
        if weight.requires_grad:  # as if it had learned
            torch.nn.init.normal_(weight, std=0.5, mean=0.1)
        assert weight.requires_grad == (
            name in ("backbone.embeddings.word_embeddings.weight",) or "backbone" not in name
        )
    grown = grow(bag, recipe, len(tokenizer))
    assert len(grown.backbone.encoder.layer) == 2
    for side in ("query", "item"):
        was = embed_texts(bag, tokenizer, [*texts, ""], side)
        now = embed_texts(grown, tokenizer, [*texts, ""], side)
        assert np.abs(was - now).max() <= 1e-5
        assert np.abs(was[0] - was[1]).max() > 0.01
    assert all(weight.requires_grad for weight in grown.backbone.encoder.parameters())


# --- with a judge ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judge(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder, hardly trained, on the queries that are not in the dev split."""
    from training.judges.cli import app as judges

    base = tmp_path_factory.mktemp("judge") / "base"
    stage_0 = {f"{stage}__steps": "0" for stage in ("pretrain", "supcon", "refine")}
    files = ["--products", f"{shop}/products.jsonl", "--recipe", f"{shop}/tiny.toml"]
    without = [f"--set={key.replace('__', '.')}={value}" for key, value in stage_0.items()]
    assert CliRunner().invoke(app, [*files, *without, "--out", str(base)]).exit_code == 0
    out = base.with_name("judge")
    options = ["--base", str(base), "--out", str(out), "--epochs", "0.2", "--max-tokens", "24"]
    files = ["--products", f"{shop}/products.jsonl", "--qrels", f"{shop}/qrels_train.tsv"]
    result = CliRunner().invoke(
        judges, ["train", *files, *options, "--seed", "7", "--dev-fraction", "0.2"]
    )
    assert result.exit_code == 0, result.output
    return out


def test_a_judge_grades_what_people_did_not(shop: Path, judge: Path, tmp_path: Path) -> None:
    from training.mined_pairs import read_mined

    shares = ("--set", "augment.synthetic_share=0.1", "--set", "augment.misspelt_share=0")
    said = train(shop, tmp_path / "out", "--judge", str(judge), *shares)
    made = re.search(r"synthetic queries: (\d+) of (\d+) made, (\d+) of \3 pairs judged", said)
    assert made is not None, said
    assert 1 <= int(made[1]) == int(made[2]) <= 15
    ids = {p.id: row for row, p in enumerate(read_products(shop / "products.jsonl", "gradus"))}
    pairs = read_mined(tmp_path / "out" / "mined.parquet", ids)
    sources = {source.partition(":")[0] for source in pairs.judge.tolist()}
    assert sources == {"policy", "cross-encoder"}, "nothing is left without a grade"
    judged = {normalise(one.query) for one in read_judgments(shop / "qrels_train.tsv")}
    made_up = [
        by for query, by in zip(pairs.query, pairs.judge, strict=True) if query not in judged
    ]
    assert {by.partition(":")[0] for by in made_up} == {"cross-encoder"}
    stages = report(tmp_path / "out")["stages"]
    assert stages["mine"]["judged"] == stages["mine"]["retrieved"]
    assert "judge" in read_manifest(tmp_path / "out", "checkpoint", verify=True).parents


def test_synthetic_queries_without_a_judge_are_refused(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="need a judge"):
        train(shop, tmp_path / "out", "--set", "augment.synthetic_share=0.1")


def test_a_judge_that_was_trained_on_held_out_queries_is_refused(
    shop: Path, judge: Path, tmp_path: Path
) -> None:
    """Another seed, another dev split: the judge knows its queries."""
    with pytest.raises(JudgmentError, match="held-out queries"):
        train(shop, tmp_path / "out", "--judge", str(judge), "--seed", "8")


# --- stopped and killed ----------------------------------------------------------------------

PLACES = {
    "in the bag, past a checkpoint": "step 5/6",
    "between bag and transformer": "pretrain: 3 steps",
    "in the last stage": "step 3/3",
    "at the end": r"refine: [\d.]+ s,",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_stopped_run_goes_on_to_the_same_weights(
    place: str, trained: Path, shop: Path, tmp_path: Path
) -> None:
    out = tmp_path / "checkpoint"
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        count = sum("step 3/3" in one for one in said)
        if re.search(place, line) and (place != "step 3/3" or count == 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(shop, out, say=say)
    assert not out.exists()
    assert [path.name for path in tmp_path.iterdir()] == [".checkpoint.work"]
    again: list[str] = []
    job(shop, out, say=again.append)
    assert weights(out) == weights(trained)
    assert curves(out) == curves(trained)
    assert report(out)["quality"] == report(trained)["quality"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    assert any("goes on from step" in line for line in again)
    starts = list((out / "tensorboard").glob("*/*.002"))
    assert starts, "both starts of the stage that was stopped, or was read back, are kept"


def test_a_half_written_checkpoint_is_not_gone_on_from(
    trained: Path, shop: Path, tmp_path: Path
) -> None:
    """As after a kill within a save: weights cut short, the trainer's own state not there yet."""
    with pytest.raises(KeyboardInterrupt):
        job(shop, tmp_path / "checkpoint", say=stop_at("step 5/6"))
    (whole,) = (tmp_path / ".checkpoint.work").glob("*/bag/checkpoint-4")
    half = shutil.copytree(whole, whole.with_name("checkpoint-5"))
    (half / "trainer_state.json").unlink()
    (half / "model.safetensors").write_bytes(b"half")
    again: list[str] = []
    job(shop, tmp_path / "checkpoint", say=again.append)
    assert "  goes on from step 4 of 6" in again
    assert weights(tmp_path / "checkpoint") == weights(trained)


def test_another_recipe_starts_anew(shop: Path, tmp_path: Path) -> None:
    only_bag = {"pretrain__steps": "0", "supcon__steps": "0", "refine__steps": "0"}
    with pytest.raises(KeyboardInterrupt):
        job(shop, tmp_path / "out", say=stop_at("step 5/6"), **only_bag)
    again: list[str] = []
    job(shop, tmp_path / "out", say=again.append, bag__learning_rate="2e-3", **only_bag)
    assert not any("goes on" in line for line in again)


def test_a_killed_process_leaves_what_the_next_one_needs(
    trained: Path, shop: Path, tmp_path: Path
) -> None:
    out = tmp_path / "checkpoint"
    command = [sys.executable, "-m", "gradus", "train", *arguments(shop, out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            assert "Traceback" not in line
            if "step 3/6" in line:
                break
        process.send_signal(signal.SIGKILL)
        process.stderr.read()
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / ".checkpoint.work").is_dir()
    train(shop, out)
    assert weights(out) == weights(trained)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


# --- other networks --------------------------------------------------------------------------


def exported_equals_network(checkpoint: Path, out: Path) -> None:
    from export.build import export_encoder
    from export.bundle import EncoderBundle
    from export.measure import bundle_vectors, torch_vectors
    from export.parity import Bounds
    from export.texts import ParityTexts
    from training.model import TwinEncoder

    # Vectors of a barely trained network are close together, and their order says little.
    export_encoder(checkpoint, out, precisions=("int8",), bounds=Bounds(rank_agreement=0.5))
    texts = ParityTexts.load(checkpoint / "parity_texts.json")
    network = TwinEncoder.load(checkpoint).eval()
    want = torch_vectors(network, checkpoint / "tokenizer.json", texts)
    bundle = EncoderBundle.load(out, precision="fp32")
    got = bundle_vectors(bundle, texts)
    assert (np.sum(want.queries * got.queries, axis=1) >= 0.9999).all()
    assert (np.sum(want.items * got.items, axis=1) >= 0.9999).all()
    seen = json.loads((checkpoint / "train_queries.json").read_text())
    assert bundle.train_queries == frozenset(seen)


def test_a_bag_of_subwords_goes_all_the_way_to_a_bundle(shop: Path, tmp_path: Path) -> None:
    said = train(shop, tmp_path / "bag", "--set", "network.layers=0", "--set", "pretrain.steps=0")
    assert "bag of subwords 32" in said
    assert "transformer" not in said
    exported_equals_network(tmp_path / "bag", tmp_path / "bundle")


@pytest.fixture(scope="module")
def backbone(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes a tiny random backbone with its fast tokenizer, as a hub directory holds them."""
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            made[kind] = _write_backbone(kind, shop, tmp_path_factory.mktemp(kind))
        return made[kind]

    return make


def _write_backbone(kind: str, shop: Path, out: Path) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import (
        BertConfig,
        BertModel,
        PreTrainedTokenizerFast,
        XLMRobertaConfig,
        XLMRobertaModel,
    )

    texts = [query for query, _ in read_queries(shop / "queries.tsv")]
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    if kind == "xlm-r":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=300, special_tokens=special, unk_token="<unk>", show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=300, special_tokens=special, show_progress=False
        )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {
        "bos": "<s>",
        "cls": "<s>",
        "eos": "</s>",
        "sep": "</s>",
        "unk": "<unk>",
        "pad": "<pad>",
    }
    tokens = {f"{role}_token": token for role, token in names.items()}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **tokens).save_pretrained(out)
    torch.manual_seed(3)
    config, network = {
        "xlm-r": (XLMRobertaConfig, XLMRobertaModel),
        "bert": (BertConfig, BertModel),
    }[kind]
    network(
        config(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=40,
            pad_token_id=1,
        )
    ).save_pretrained(out)
    return out


def pretrained(shop: Path, out: Path, base: str, *more: str) -> str:
    files = ["--products", f"{shop}/products.jsonl", "--qrels", f"{shop}/qrels_train.tsv"]
    small = {
        "network.dim": "64",
        "text.max_item_tokens": "20",
        **{f"{stage}.steps": "2" for stage in ("supcon", "refine")},
        **{f"{stage}.batch": "4" for stage in ("supcon", "refine")},
    }
    sets = [part for key, value in small.items() for part in ("--set", f"{key}={value}")]
    result = CliRunner().invoke(
        app,
        [*files, "--recipe", "pretrained", "--base-model", base, *sets, *more, "--out", str(out)],
    )
    if result.exception is not None:
        raise result.exception
    return result.stderr


@pytest.mark.parametrize("kind", ["xlm-r", "bert"])
def test_a_pretrained_backbone_is_refined_and_exported(
    kind: str, backbone: Callable[[str], Path], shop: Path, tmp_path: Path
) -> None:
    base = str(backbone(kind))
    said = pretrained(shop, tmp_path / "out", base)
    assert "bag" not in said
    assert "hard negatives" in said
    spec = json.loads((tmp_path / "out" / "encoder.json").read_text())
    assert (spec["dim"], spec["pooling"]) == (32, "mean"), "no longer than the backbone is wide"
    assert spec["template"]["query_prefix"] == "query: "
    items = json.loads((tmp_path / "out" / "parity_texts.json").read_text())["items"]
    assert all(item.startswith("passage: ") for item in items)
    config = json.loads((tmp_path / "out" / "backbone" / "config.json").read_text())
    assert config["model_type"] == {"xlm-r": "xlm-roberta", "bert": "bert"}[kind]
    exported_equals_network(tmp_path / "out", tmp_path / "bundle")


def test_stage_0_works_on_a_pretrained_backbone(
    backbone: Callable[[str], Path], shop: Path, tmp_path: Path
) -> None:
    asked = ("--queries", f"{shop}/queries.tsv")
    steps = ("--set", "pretrain.steps=2", "--set", "pretrain.batch=4", "--set", "refine.steps=0")
    pretrained(shop, tmp_path / "out", str(backbone("bert")), *asked, *steps)
    assert list(report(tmp_path / "out")["stages"]) == ["pretrain", "supcon"]


def test_a_checkpoint_of_ours_is_a_base_too(trained: Path) -> None:
    import torch

    from training.model import TwinEncoder
    from training.network import pretrained_encoder
    from training.recipe import load_recipe

    def based(dim: int) -> TwinEncoder:
        changes = {"base_model": str(trained), "dim": str(dim), "pooling": "weighted"}
        texts = {"text.max_item_tokens": "16", "text.max_query_tokens": "8"}
        network = {f"network.{name}": value for name, value in changes.items()}
        return pretrained_encoder(load_recipe("pretrained", network | texts))

    before, after = TwinEncoder.load(trained).state_dict(), based(32).state_dict()
    assert before.keys() == after.keys()
    learned = {name for name in before if "pooler" not in name}
    assert all(torch.equal(before[name], after[name]) for name in learned)
    with pytest.raises(TrainingError, match=r"heads of the checkpoint do not fit.*network\.dim 32"):
        based(16)


@pytest.mark.parametrize("base", ["{tmp}/nothing", "{tmp}", "nobody/no-such-encoder"])
def test_a_backbone_that_is_not_there_is_one_clear_line(
    base: str, shop: Path, tmp_path: Path
) -> None:
    name = base.format(tmp=tmp_path)
    with pytest.raises(TrainingError) as raised:
        pretrained(shop, tmp_path / "out", name)
    assert raised.value.where == name
    assert "cannot be loaded" in raised.value.what
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_without_weights_is_refused(
    backbone: Callable[[str], Path], shop: Path, tmp_path: Path
) -> None:
    half = shutil.copytree(backbone("bert"), tmp_path / "half")
    (half / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(TrainingError, match="backbone cannot be loaded"):
        pretrained(shop, tmp_path / "out", str(half))


@pytest.mark.parametrize("kind", ["xlm-r", "bert"])
def test_texts_longer_than_the_backbone_reads_are_refused(
    kind: str, backbone: Callable[[str], Path], shop: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="a text of 41 tokens") as raised:
        pretrained(shop, tmp_path / "out", str(backbone(kind)), "--set", "text.max_item_tokens=41")
    assert raised.value.found == "max_position_embeddings 40"


# --- edges -----------------------------------------------------------------------------------


@pytest.fixture
def few(tmp_path: Path) -> Callable[..., Path]:
    """Writes a shop of three products with judgments `{query: {product: grade}}`."""

    def make(graded: dict[str, dict[str, int]]) -> Path:
        shop = tmp_path / "few"
        shop.mkdir()
        names = {"a": "Red kettle", "b": "Blue kettle", "c": "Garden hose"}
        write_products(shop / "products.jsonl", [Product(*one) for one in names.items()])
        write_judgments(
            shop / "qrels_train.tsv",
            [Judgment(q, p, Grade(g)) for q, grades in graded.items() for p, g in grades.items()],
        )
        (shop / "queries.tsv").write_text("query\nred kettle\nhose\n")
        (shop / "tiny.toml").write_text(RECIPE)
        return shop

    return make


def test_three_products_are_enough(few: Callable[..., Path], tmp_path: Path) -> None:
    graded = {"kettle": {"a": 2, "b": 1, "c": 0}, "red kettle": {"a": 2, "b": 0}}
    job(few(graded), tmp_path / "out")
    heads = load_file(tmp_path / "out" / "heads.safetensors")
    assert all(np.isfinite(weight).all() for weight in heads.values())
    assert report(tmp_path / "out")["dev_queries"] == 1


def test_a_single_judged_query_is_trained_on(few: Callable[..., Path], tmp_path: Path) -> None:
    job(few({"kettle": {"a": 2, "c": 0}}), tmp_path / "out", augment__misspelt_share="0")
    body = report(tmp_path / "out")
    assert (body["train_queries"], body["dev_queries"], body["quality"]) == (1, 0, {})
    assert tuple(body["stages"]) == STAGES


def test_judgments_of_one_grade_leave_the_judged_stages_out(
    few: Callable[..., Path], tmp_path: Path
) -> None:
    said: list[str] = []
    shop = few({"kettle": {"a": 2, "b": 2}, "hose": {"c": 2}})
    plain = {"instances__assumed": "0", "dev_fraction": "0", "augment__misspelt_share": "0"}
    job(shop, tmp_path / "out", say=said.append, **plain)
    (line,) = (one for one in said if one.startswith("supcon, refine: left out"))
    assert "none of 2 judged queries has products of two grades" in line
    assert list(report(tmp_path / "out")["stages"]) == ["bag", "pretrain", "distil"]


def test_without_judgments_stage_0_is_all_there_is(shop: Path, tmp_path: Path) -> None:
    files = ["--products", f"{shop}/products.jsonl", "--recipe", f"{shop}/tiny.toml"]
    result = CliRunner().invoke(app, [*files, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert "left out, there are no judged queries" in result.stderr
    assert json.loads((tmp_path / "out" / "train_queries.json").read_text()) == []
    texts = json.loads((tmp_path / "out" / "parity_texts.json").read_text())
    assert len(texts["queries"]) >= 10, "words of titles stand in, so that it can be exported"


def test_bf16_works_on_a_processor(shop: Path, tmp_path: Path) -> None:
    others = {"bag__steps": "0", "refine__steps": "0"}
    job(shop, tmp_path / "out", pretrain__bf16="true", supcon__bf16="true", **others)
    assert np.isfinite(
        [loss for _, loss in report(tmp_path / "out")["stages"]["supcon"]["loss"]]
    ).all()
    heads = load_file(tmp_path / "out" / "heads.safetensors")
    assert all(weight.dtype == np.float32 for weight in heads.values())


def test_what_is_at_the_output_path_is_refused_before_training(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("meow")
    said: list[str] = []
    with pytest.raises(BundleError, match="will not be replaced"):
        job(shop, tmp_path / "photos", say=said.append)
    assert not any("step" in line for line in said)
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "meow"


def test_a_leak_is_refused(shop: Path, tmp_path: Path) -> None:
    leak = ("--held-out", f"{shop}/qrels_train.tsv")
    with pytest.raises(JudgmentError, match="held-out queries are also in the training files"):
        train(shop, tmp_path / "out", *leak)


@pytest.mark.parametrize("option", ["steps", "=3", ""])
def test_a_set_option_without_a_value_is_refused(option: str, shop: Path, tmp_path: Path) -> None:
    with pytest.raises(GradusError, match="--set"):
        train(shop, tmp_path / "out", "--set", option)

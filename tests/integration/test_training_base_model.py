"""Trainings that start from a checkpoint of ours: what it has seen counts, and which it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.artefact import read_manifest
from catalog.demo import QueryCounts, generate, write
from catalog.errors import HashMismatch, JudgmentError
from catalog.readers import read_judgments
from catalog.split import query_hash, split_queries
from training.base import Base

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread_and_no_hub")]

RECIPE = """
dev_fraction = 0.2
[network]
layers = 1
width = 16
heads = 2
vocabulary = 400
dim = 16
[text]
max_query_tokens = 8
max_item_tokens = 12
description_words = 0
[bag]
steps = 2
batch = 8
[supcon]
steps = 2
batch = 4
[refine]
steps = 0
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 products, about 20 judged queries, and the recipe. Read only."""
    out = tmp_path_factory.mktemp("base") / "shop"
    write(generate(5, 100, counts=QueryCounts(20, 4, 4)), out)
    (out / "tiny.toml").write_text(RECIPE)
    return out


def queries(path: Path) -> list[str]:
    return list(dict.fromkeys(one.query for one in read_judgments(path)))


def train(
    shop: Path,
    out: Path,
    *,
    base: Path | None = None,
    asked: list[str] | None = None,
    held_out: list[Path] | None = None,
    qrels: bool = True,
    say: Callable[[str], None] = lambda line: None,
    **changes: str,
) -> Path:
    from training.corpus import CorpusFiles
    from training.job import run_job
    from training.recipe import load_recipe

    listed = []
    if asked:
        listed = [out.with_suffix(".txt")]
        listed[0].write_text("\n".join(asked))
    if base:
        changes |= {"network.base_model": str(base), "bag.steps": "0"}
    files = CorpusFiles(
        [shop / "products.jsonl"],
        [shop / "qrels_train.tsv"] if qrels else [],
        queries=listed,
        held_out=held_out or [],
    )
    run_job(load_recipe(f"{shop}/tiny.toml", changes), files, out, threads=1, say=say)
    return out


@pytest.fixture(scope="module")
def make_base(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a checkpoint whose stage 0 has read these queries."""

    def make(*asked: str) -> Path:
        out = tmp_path_factory.mktemp("checkpoint") / "base"
        return train(shop, out, asked=list(asked), qrels=False)

    return make


def test_a_base_that_saw_a_dev_query_is_refused(
    shop: Path, make_base: Callable[..., Path], tmp_path: Path
) -> None:
    _, dev = split_queries(queries(shop / "qrels_train.tsv"), 0.2, 7)
    base = make_base("a lamp", dev[0].upper())
    with pytest.raises(JudgmentError, match="1 of the held-out queries") as raised:
        train(shop, tmp_path / "out", base=base)
    assert raised.value.where == str(base)
    assert not (tmp_path / "out").exists()
    train(shop, tmp_path / "out", base=base, dev_fraction="0")


def test_a_base_that_saw_a_held_out_query_is_refused(
    shop: Path, make_base: Callable[..., Path], tmp_path: Path
) -> None:
    held_out = shop / "qrels_calibration.tsv"
    base = make_base(queries(held_out)[0])
    with pytest.raises(JudgmentError, match="1 of the held-out queries"):
        train(shop, tmp_path / "out", base=base, held_out=[held_out])


def test_what_the_base_saw_is_on_record_and_so_is_the_base(
    shop: Path, make_base: Callable[..., Path], tmp_path: Path
) -> None:
    base = make_base("a lamp that nobody judged")
    out = train(shop, tmp_path / "out", base=base)
    seen = set(json.loads((out / "train_queries.json").read_text()))
    assert query_hash("a lamp that nobody judged") in seen
    assert {query_hash(query) for query in queries(shop / "qrels_train.tsv")} < seen
    parents = read_manifest(out, "checkpoint").parents
    assert parents["base_model"] == read_manifest(base, "checkpoint").fingerprint
    # One more training on top of it inherits what both have seen.
    assert Base.of(str(out)).seen == seen


def test_another_base_at_the_same_path_starts_anew(
    shop: Path, make_base: Callable[..., Path], tmp_path: Path
) -> None:
    def stop(line: str) -> None:
        if "step 2/2" in line:
            raise KeyboardInterrupt

    base = tmp_path / "base"
    shutil.copytree(make_base("a lamp"), base)
    with pytest.raises(KeyboardInterrupt):
        train(shop, tmp_path / "out", base=base, say=stop)
    shutil.rmtree(base)
    shutil.copytree(make_base("another lamp"), base)
    said: list[str] = []
    train(shop, tmp_path / "out", base=base, say=said.append)
    assert not any("goes on" in line for line in said)


def test_a_damaged_base_is_refused(
    shop: Path, make_base: Callable[..., Path], tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(make_base("a lamp"), base)
    (base / "train_queries.json").write_text("[]")
    with pytest.raises(HashMismatch):
        train(shop, tmp_path / "out", base=base)


def test_the_base_is_part_of_an_ablations_key(
    shop: Path, make_base: Callable[..., Path], tmp_path: Path
) -> None:
    from training.ablation.config import read_config
    from training.ablation.job import Ablation

    base = tmp_path / "base"
    path = tmp_path / "ablation.toml"
    path.write_text(
        f'recipe = "{shop}/tiny.toml"\nproducts = ["{shop}/products.jsonl"]\n'
        f'qrels = ["{shop}/qrels_train.tsv"]\nseeds = [7]\n'
        f'[set]\n"network.base_model" = "{base}"\n"refine.steps" = 1\n'
        f'[tests]\nunseen = "{shop}/qrels_test.tsv"\n'
    )
    places = set()
    _, dev = split_queries(queries(shop / "qrels_train.tsv"), 0.2, 7)
    for asked in ("a lamp", "another lamp"):
        shutil.copytree(make_base(asked), base)
        places.add(Ablation(read_config(path), tmp_path, lambda line: None).directory)
        shutil.rmtree(base)
    assert len(places) == 2
    for leaked in (dev[0], queries(shop / "qrels_test.tsv")[0]):
        shutil.copytree(make_base(leaked), base)
        with pytest.raises(JudgmentError, match="1 of the held-out queries"):
            Ablation(read_config(path), tmp_path, lambda line: None)
        shutil.rmtree(base)


def test_a_plain_encoder_has_a_fingerprint_of_its_files_and_has_seen_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"one")
    one = Base.of(str(tmp_path))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_bytes(b"changed")
    assert Base.of(str(tmp_path)) == one
    assert one.seen == frozenset()
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert Base.of(str(tmp_path)).inputs.keys() == one.inputs.keys() == {"base_model"}
    assert Base.of(str(tmp_path)) != one
    assert Base.of("").inputs == Base.of("some/hub-id").inputs == {}


def test_held_out_files_that_share_a_query_are_refused(shop: Path, tmp_path: Path) -> None:
    calibration, test = shop / "qrels_calibration.tsv", shop / "qrels_test.tsv"
    both = tmp_path / "both.tsv"
    line = calibration.read_text().splitlines()[1]
    both.write_text(test.read_text() + line + "\n")
    with pytest.raises(JudgmentError, match="1 queries are also in another held-out") as raised:
        train(shop, tmp_path / "out", held_out=[calibration, both])
    assert raised.value.where == str(both)
    assert str(calibration) in str(raised.value)
    again = shutil.copy(test, tmp_path / "again.tsv")
    train(shop, tmp_path / "out", held_out=[calibration, test, Path(again)])

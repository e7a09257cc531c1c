"""Runs that learn from more than was judged: pairs of queries, and queries read from a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from catalog.artefact import read_manifest
from catalog.demo import QueryCounts, generate, write
from catalog.errors import CatalogError, TrainingError
from catalog.model import Product
from catalog.readers import read_judgments, read_products
from catalog.split import query_hash

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread_and_no_hub")]

RECIPE = """
dev_fraction = 0.2
[network]
layers = 0
width = 16
heads = 2
vocabulary = 400
dim = 16
matryoshka = [8]
[text]
max_item_tokens = 12
description_words = 0
[augment]
misspelt_share = 0.3
[bag]
steps = 2
batch = 8
[supcon]
steps = 6
batch = 8
stay = 0.5
[refine]
steps = 0
"""
PAIRS = {"supcon.pair_weight": "1.0", "supcon.pair_overlap": "0.2", "supcon.pair_shared": "1"}
SHARE = {"augment.synthetic_share": "1.0"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 products, about 40 judged queries, and the recipe. Read only."""
    out = tmp_path_factory.mktemp("more") / "shop"
    write(generate(5, 150, counts=QueryCounts(40, 5, 5)), out)
    (out / "tiny.toml").write_text(RECIPE)
    return out


def train(
    shop: Path,
    out: Path,
    changes: dict[str, str],
    *,
    say: Callable[[str], None] = lambda line: None,
    judge: Path | None = None,
    **files: Any,
) -> dict[str, Any]:
    """Run a training and give its report."""
    from training.corpus import CorpusFiles
    from training.job import run_job
    from training.recipe import load_recipe

    given = CorpusFiles([shop / "products.jsonl"], [shop / "qrels_train.tsv"], **files)
    recipe = load_recipe(str(shop / "tiny.toml"), changes)
    run_job(recipe, given, out, threads=1, say=say, judge=judge)
    body: dict[str, Any] = json.loads((out / "report.json").read_text())
    return body


def weights(checkpoint: Path) -> list[bytes]:
    names = ("backbone/model.safetensors", "heads.safetensors", "tokenizer.json")
    return [(checkpoint / name).read_bytes() for name in names]


# --- pairs of queries ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paired(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with pairs of queries. Read only."""
    out = tmp_path_factory.mktemp("paired") / "checkpoint"
    said: list[str] = []
    stage = train(shop, out, PAIRS, say=said.append)["stages"]["supcon"]
    pairs, queries = stage["query_pairs"], stage["paired_queries"]
    assert 2 <= queries <= 2 * pairs
    assert any(f"supcon: query pairs: {pairs}, of {queries} queries" in line for line in said)
    assert f"that stage 1 learned from: {pairs}, of {queries}" in (out / "report.html").read_text()
    return out


def test_the_same_seed_gives_the_same_weights_and_pairs_change_them(
    paired: Path, shop: Path, tmp_path: Path
) -> None:
    train(shop, tmp_path / "again", PAIRS)
    assert weights(tmp_path / "again") == weights(paired)
    plain = train(shop, tmp_path / "plain", {})["stages"]["supcon"]
    assert weights(tmp_path / "plain") != weights(paired)
    assert "query_pairs" not in plain
    assert "Pairs of queries" not in (tmp_path / "plain" / "report.html").read_text()
    # Pairs that nobody shares enough for: said, and no different from a run that wants none.
    said: list[str] = []
    none = train(shop, tmp_path / "none", {**PAIRS, "supcon.pair_shared": "99"}, say=said.append)[
        "stages"
    ]["supcon"]
    assert weights(tmp_path / "none") == weights(tmp_path / "plain")
    assert (none["query_pairs"], none["paired_queries"]) == (0, 0)
    assert any("query pairs: none among" in line for line in said)
    assert "none that share enough" in (tmp_path / "none" / "report.html").read_text()


def test_a_stopped_run_goes_on_to_the_same_weights(
    paired: Path, shop: Path, tmp_path: Path
) -> None:
    reached: list[str] = []

    def stop(line: str) -> None:
        reached.append(line)
        if "step 5/6" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(shop, tmp_path / "out", PAIRS, say=stop)
    again: list[str] = []
    body = train(shop, tmp_path / "out", PAIRS, say=again.append)
    assert "  goes on from step 4 of 6" in again
    assert weights(tmp_path / "out") == weights(paired)
    whole = json.loads((paired / "report.json").read_text())["stages"]["supcon"]
    assert body["stages"]["supcon"]["loss"] == whole["loss"]
    assert body["stages"]["supcon"]["query_pairs"] == whole["query_pairs"]


@pytest.mark.parametrize("loss", ["supcon", "triplet"])
def test_pairs_work_in_bf16_and_beside_other_losses(loss: str, shop: Path, tmp_path: Path) -> None:
    changes = {**PAIRS, "supcon.bf16": "true", "supcon.loss": loss}
    curve = train(shop, tmp_path / "out", changes)["stages"]["supcon"]["loss"]
    assert all(0 < value < 1e4 for _, value in curve)


# --- synthetic queries from a file -----------------------------------------------------------


class OwnProduct:
    """Grades 2 where the query names the product's id, else 0; keeps what it was asked."""

    def __init__(self, products: Sequence[Product]) -> None:
        self.products, self.asked = products, []

    def grade(self, pairs: Sequence[tuple[str, int]]) -> list[int | None]:
        self.asked += pairs
        return [2 * (query.split()[-1] == self.products[row].id.casefold()) for query, row in pairs]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch, shop: Path) -> OwnProduct:
    """Opens itself whatever judge is named."""
    from training.judges.opening import OpenJudge

    judge = OwnProduct(list(read_products(shop / "products.jsonl")))

    @contextmanager
    def opened(path: Path, products: Sequence[Product]) -> Iterator[OpenJudge]:
        yield OpenJudge(judge, "own", frozenset(), lambda: "", lambda: "")

    monkeypatch.setattr("training.judges.unseen.open_judge", opened)
    return judge


@pytest.fixture
def lonely(shop: Path) -> list[str]:
    """Ids of products that no training query leads to."""
    led = {one.product_id for one in read_judgments(shop / "qrels_train.tsv") if one.grade > 0}
    ids = [product.id for product in read_products(shop / "products.jsonl")]
    return [one for one in ids if one not in led]


def written(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    path.write_text("product_id\tquery\n" + "".join(f"{one}\t{query}\n" for one, query in rows))
    return path


def test_synthetic_queries_come_from_the_file(
    shop: Path, judged: OwnProduct, lonely: list[str], tmp_path: Path
) -> None:
    held_out = shop / "qrels_calibration.tsv"
    unseen = next(iter(read_judgments(held_out))).query
    led = next(one.product_id for one in read_judgments(shop / "qrels_train.tsv") if one.grade == 2)
    rows = [(one, f"made for {one}") for one in lonely[:6]]
    rows += [(lonely[6], unseen), (led, "made for nothing"), ("none such", "made for none")]
    path = written(tmp_path / "made.tsv", rows)
    said: list[str] = []
    options = {"judge": tmp_path, "synthetic": path, "held_out": [held_out]}
    body = train(shop, tmp_path / "one", SHARE, say=said.append, **options)
    line = next(line for line in said if line.startswith("synthetic queries: "))
    assert line.startswith("synthetic queries: 6 of 6 made")
    made = {query for query, _ in judged.asked}
    assert made == {f"made for {one.casefold()}" for one in lonely[:6]}
    hashes = json.loads((tmp_path / "one" / "train_queries.json").read_text())
    assert all(query_hash(query) in hashes for query in made)
    assert query_hash(unseen) not in hashes
    assert query_hash("made for nothing") not in hashes
    assert any("unknown product: 1, first" in line and f"{path}:10" in line for line in said)
    assert "synthetic.0" in read_manifest(tmp_path / "one", "checkpoint", verify=True).parents
    assert body["stages"]["supcon"]["instances"] > 6
    train(shop, tmp_path / "two", SHARE, **options)
    assert weights(tmp_path / "two") == weights(tmp_path / "one")


def test_a_file_that_cannot_be_used_is_refused(shop: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "made.tsv", [("p0", " ")])
    with pytest.raises(TrainingError, match=r"synthetic_share = 0") as raised:
        train(shop, tmp_path / "out", {}, synthetic=path)
    assert raised.value.where == str(path)
    with pytest.raises(CatalogError, match=r"made\.tsv:2: .*the query or the product id is empty"):
        train(shop, tmp_path / "out", SHARE, synthetic=path, strict=True)
    with pytest.raises(CatalogError, match="product_id, query"):
        train(shop, tmp_path / "out", SHARE, synthetic=shop / "queries.tsv")
    written(path, [(next(iter(read_products(shop / "products.jsonl"))).id, "a query")])
    with pytest.raises(TrainingError, match="need a judge"):
        train(shop, tmp_path / "out", SHARE, synthetic=path)


def test_the_command_takes_the_file(
    shop: Path, judged: OwnProduct, lonely: list[str], tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from training.cli import app

    path = written(tmp_path / "made.tsv", [(lonely[0], f"made for {lonely[0]}")])
    files = ["--products", f"{shop}/products.jsonl", "--qrels", f"{shop}/qrels_train.tsv"]
    options = ["--synthetic", str(path), "--judge", str(tmp_path), "--out", f"{tmp_path}/out"]
    changes = ["--set", "augment.synthetic_share=1", "--set", "supcon.steps=0"]
    recipe = ["--recipe", f"{shop}/tiny.toml", "--threads", "1"]
    result = CliRunner().invoke(app, [*files, *options, *changes, *recipe])
    assert result.exit_code == 0, result.output
    assert "synthetic queries: 1 of 1 made" in result.stderr

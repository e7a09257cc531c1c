"""The verbs from the command line, with an encoder that needs no model file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from catalog.errors import BundleError, CatalogError, JudgmentError, MissingFile
from catalog.model import Grade, Judgment
from catalog.readers import write_judgments, write_products
from index.bundle import IndexBundle
from index.cli import index_app, search_app
from index.evaluating.cli import evaluate_app
from index.versions import live

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def without_model_files(monkeypatch, make_encoder):
    def load(directory, **_options):
        return make_encoder()

    def copy(_source, target, precision):
        target.mkdir()
        (target / "encoder.json").write_text(f'{{"precision": "{precision}"}}')

    monkeypatch.setattr("export.bundle.EncoderBundle.load", load)
    monkeypatch.setattr("index.build.copy_serving_files", copy)


@pytest.fixture
def shop(tmp_path, demo_products) -> Path:
    write_products(tmp_path / "products.jsonl", demo_products)
    write_judgments(
        tmp_path / "qrels.tsv",
        [
            Judgment(f"red {kind}", product.id, Grade(2 if "red" in product.title else 1))
            for kind in ("kettle", "hose", "belt", "rake", "knife", "spade")
            for product in demo_products
            if kind in product.title
        ],
    )
    return tmp_path


def build(shop: Path, *more: str):
    arguments = ["build", "--products", str(shop / "products.jsonl"), "--encoder", "enc"]
    return run(index_app, [*arguments, "--out", str(shop / "root"), *more], catch_exceptions=False)


def test_from_files_to_an_answer(shop):
    built = build(shop, "--qrels", str(shop / "qrels.tsv"))
    assert built.exit_code == 0
    assert "120 products indexed" in built.output
    assert "calibration fitted-" in built.output
    root = str(shop / "root")
    listed = run(index_app, ["list", "--index", root])
    assert f"* {live(shop / 'root')}" in listed.output
    assert "120 products" in listed.output
    assert "whole, 120 products" in run(index_app, ["verify", "--index", root]).output
    shown = run(search_app, ["red kettle", "--index", root, "--limit", "3", "--explain"])
    assert "Ardena red kettle" in shown.output
    assert "exact" in shown.output
    assert "p_exact" in shown.output
    answer = json.loads(run(search_app, ["red kettle", "--index", root, "--json"]).output)
    assert answer["hits"][0]["product"]["title"].startswith("Ardena red kettle")
    assert answer["index"]["version"] == live(shop / "root")
    nothing = run(search_app, ["🙂", "--index", root])
    assert "no confident match" in nothing.output


def test_the_plan_is_the_faster_one_or_the_one_asked_for(shop):
    assert "scan finds 1.0000 of the exact top 10" in build(shop).output
    built = build(shop, "--plan", "graph")
    assert "HNSW graph at ef 200 finds" in built.output
    assert IndexBundle.open(shop / "root").dense.settings.plan == "graph"
    with pytest.raises(BundleError, match="no such plan"):
        build(shop, "--plan", "magic")


def test_the_plans_are_called_what_they_are():
    (plan,) = [one for one in get_command(index_app).commands["build"].params if one.name == "plan"]
    assert "half a byte a dimension" in plan.help
    assert "8 bits" not in plan.help


def test_tuning_a_graph_that_is_not_there_is_noted(shop):
    note = "note: a scan is used, so"
    assert note not in build(shop).output
    assert f"{note} --recall-target tunes no graph" in build(shop, "--recall-target", "0.9").output
    printed = build(shop, "--links", "16", "--ef", "300").output
    assert f"{note} --links, --ef shape no graph" in printed
    assert "--plan graph" in printed
    assert note not in build(shop, "--plan", "graph", "--recall-target", "0.9").output


def test_evaluation_is_printed_and_written(shop):
    build(shop)
    report = shop / "deep" / "report.json"
    printed = run(
        evaluate_app,
        ["--index", str(shop / "root"), "--qrels", str(shop / "qrels.tsv"), "--out", str(report)],
        catch_exceptions=False,
    )
    assert printed.exit_code == 0
    assert "difference to lexical" in printed.output
    body = json.loads(report.read_text())
    for mode in ("lexical", "semantic", "hybrid"):
        for metric in ("ndcg@10", "recall@100", "precision@50"):
            assert {"mean", "low", "high"} <= set(body["modes"][mode][metric])
    assert {"accuracy", "majority", "confusion"} <= set(body["tiers"])
    assert {"ece", "brier_skill"} <= set(body["calibration"])
    assert {"avg", "worst"} <= set(body["margins"])
    assert set(body["calibration"]["cuts"]) == {"exact", "substitute"}
    assert body["queries"] == 6


def test_publishing_an_older_version(shop):
    build(shop)
    old = live(shop / "root")
    assert f"against the live {old}:\n  products 120 -> 120\n" in build(shop).output
    assert live(shop / "root") != old
    root = str(shop / "root")
    printed = run(index_app, ["publish", old, "--index", root]).output
    assert printed.endswith(f"  encoder: the same\nlive: {old}\n")
    assert run(index_app, ["publish", old, "--index", root]).output == f"live: {old}\n"
    assert live(shop / "root") == old
    build(shop, "--no-publish")
    assert live(shop / "root") == old


def test_several_files_with_a_shared_id(shop):
    twice = ["--products", str(shop / "products.jsonl")]
    built = build(shop, *twice)
    assert "120 more left out, their ids were in an earlier file; first 'p000'" in built.output
    assert len(IndexBundle.open(shop / "root").store) == 120
    with pytest.raises(CatalogError, match="earlier file"):
        build(shop, *twice, "--strict")


def test_judgments_of_unknown_products_are_named_with_their_line(shop):
    with (shop / "qrels.tsv").open("a") as stream:
        stream.write("red kettle\tgone\t2\thuman\n")
    line = len((shop / "qrels.tsv").read_text().splitlines())
    built = build(shop, "--qrels", str(shop / "qrels.tsv"))
    assert f"unknown product: 1, first {shop}/qrels.tsv:{line}: no product 'gone'" in built.output
    with pytest.raises(JudgmentError, match=f"qrels.tsv:{line}"):
        build(shop, "--qrels", str(shop / "qrels.tsv"), "--strict")


def test_judgments_without_a_substitute_are_pointed_out(shop):
    lines = (shop / "qrels.tsv").read_text().splitlines()
    poor = [line.replace("\t1\t", "\t0\t") for line in lines]
    (shop / "poor.tsv").write_text("\n".join(poor) + "\n")
    assert "none of grade 1" in build(shop, "--qrels", str(shop / "poor.tsv")).output
    assert "none of grade 1" not in build(shop, "--qrels", str(shop / "qrels.tsv")).output


def test_an_index_is_not_built_into_another_artefact(shop):
    (shop / "root").mkdir()
    (shop / "root" / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match="no place for an index"):
        build(shop)
    assert [path.name for path in (shop / "root").iterdir()] == ["manifest.json"]


def test_requests_that_cannot_be_met(shop, built_index):
    with pytest.raises(JudgmentError, match="exclude each other"):
        build(shop, "--qrels", str(shop / "qrels.tsv"), "--calibration", str(built_index))
    with pytest.raises(JudgmentError, match="no such file"):
        build(shop, "--qrels", str(shop / "missing.tsv"))
    with pytest.raises(CatalogError, match="do not pair up"):
        build(shop, "--layout", "gradus", "--layout", "esci")
    with pytest.raises(MissingFile, match="no index here"):
        run(search_app, ["x", "--index", str(shop / "none")], catch_exceptions=False)
    assert not (shop / "root" / "current").exists()


def test_a_policy_is_read_before_the_work_and_recorded_after_it(shop):
    with pytest.raises(JudgmentError, match="no such threshold policy"):
        build(shop, "--qrels", str(shop / "qrels.tsv"), "--policy", "strict")
    with pytest.raises(JudgmentError, match="needs judgments"):
        build(shop, "--policy", "precision(exact)>=0.8@0.9")
    assert not (shop / "root").exists()
    build(shop, "--qrels", str(shop / "qrels.tsv"), "--policy", "balanced")
    assert IndexBundle.open(shop / "root").calibration.policy == "balanced"

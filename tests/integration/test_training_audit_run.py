"""A whole audit, from the files of the made-up shop to corrected labels, and what it refuses."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog.artefact import read_manifest
from catalog.cli import app as demo_data
from catalog.errors import BundleError, CatalogError, JudgmentError, TrainingError
from catalog.judgments import read_judgments
from catalog.readers import read_products
from training.audit.cli import app
from training.audit.decide import pair_of
from training.audit.job import KIND
from training.audit.settings import AuditSettings
from training.judge import HumanJudge
from training.judges.opening import OpenJudge


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    out = tmp_path_factory.mktemp("audit") / "shop"
    options = ["--products=1000", "--train-queries=15", "--calibration-queries=5"]
    options += ["--test-queries=5", "--searches=30000", "--label-noise=0.1", f"--out={out}"]
    assert CliRunner().invoke(demo_data, options).exit_code == 0
    return out


def audit(shop, out, *more, **other):
    files = {
        "qrels": shop / "qrels_train.tsv",
        "log-queries": shop / "ubi_queries.jsonl",
        "log-events": shop / "ubi_events.jsonl",
        "judgments": shop / "qrels_train_true.tsv",
        "out": out,
        **{name.replace("_", "-"): path for name, path in other.items()},
    }
    given = [f"--{name}={path}" for name, path in files.items() if path]
    return CliRunner().invoke(app, [*given, *more])


@pytest.fixture(scope="module")
def audited(shop, tmp_path_factory):
    out = tmp_path_factory.mktemp("audit") / "out"
    done = audit(shop, out, "--set=share=1")
    assert done.exit_code == 0, done.output
    return out, done.output


def grades(path):
    return {pair_of(judgment): judgment.grade for judgment in read_judgments(path, strict=True)}


def test_wrong_labels_are_found_far_more_often_than_by_chance(shop, audited):
    true, before = grades(shop / "qrels_train_true.tsv"), grades(shop / "qrels_train.tsv")
    after = grades(audited[0] / "qrels.tsv")
    assert list(after) == list(before)
    trail = [json.loads(line) for line in (audited[0] / "trail.jsonl").read_text().splitlines()]
    asked = [(record["query"], record["product_id"]) for record in trail]
    wrong = sum(true[pair] != before[pair] for pair in asked)
    assert len(asked) >= 5
    assert wrong / len(asked) > 0.5  # by chance: 0.1
    changed = {pair for pair in before if before[pair] != after[pair]}
    assert changed == {
        (record["query"], record["product_id"]) for record in trail if record["changed"]
    }
    assert all(after[pair] == true[pair] for pair in changed)
    for record in trail:
        assert (record["old_grade"], record["engagement"]["level"]) in ((0, "high"), (2, "low"))


def test_the_artefact_is_whole(shop, audited):
    out, said = audited
    manifest = read_manifest(out, KIND)
    assert set(manifest.files) == {"report.json", "trail.jsonl", "qrels.tsv"}
    assert set(manifest.parents) == {"qrels", "judge", "queries 1", "events 1"}
    report = json.loads((out / "report.json").read_text())
    lines = (out / "trail.jsonl").read_text().splitlines()
    assert report["differ"] == len(lines)
    assert report["sampled"] == report["labels"] == 600
    assert sum(sum(levels.values()) for levels in report["agreement"].values()) == 600
    assert report["judge"] == "human"
    assert report["settings"]["share"] == 1.0
    sources = {judgment.source for judgment in read_judgments(out / "qrels.tsv")}
    assert sources == {"policy", "audit:human"}
    assert f"{report['differ']:,} contradicted by engagement" in said


def test_equal_inputs_equal_bytes_and_a_sample_is_a_part(shop, audited, tmp_path):
    again = audit(shop, tmp_path / "again", "--set=share=1")
    assert again.exit_code == 0
    for name in ("report.json", "trail.jsonl", "qrels.tsv"):
        assert (tmp_path / "again" / name).read_bytes() == (audited[0] / name).read_bytes()
    assert audit(shop, tmp_path / "again").exit_code == 0  # replaces an audit
    part = (tmp_path / "again" / "trail.jsonl").read_text().splitlines()
    assert set(part) < set((audited[0] / "trail.jsonl").read_text().splitlines())


def test_another_judge_can_be_asked(shop, audited, tmp_path, monkeypatch):
    """Any judge behind the protocol; here one that knows the true grades."""
    products = list(read_products(shop / "products.jsonl", "gradus"))
    row = {product.id: place for place, product in enumerate(products)}
    truth: dict[str, dict[int, int]] = {}
    for one in read_judgments(shop / "qrels_train_true.tsv"):
        truth.setdefault(one.query, {})[row[one.product_id]] = int(one.grade)

    @contextmanager
    def opened(path, goods):
        assert [product.id for product in goods] == [product.id for product in products]
        yield OpenJudge(HumanJudge(truth), "oracle:1", frozenset(), str, str)

    monkeypatch.setattr("training.judges.opening.open_judge", opened)
    asked = {"judgments": "", "judge": tmp_path, "products": shop / "products.jsonl"}
    assert audit(shop, tmp_path / "out", "--set=share=1", **asked).exit_code == 0
    assert grades(tmp_path / "out" / "qrels.tsv") == grades(audited[0] / "qrels.tsv")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["judge"] == "oracle:1"


@pytest.mark.parametrize(
    ("more", "other", "error", "says"),
    [
        (["--set=share"], {}, TrainingError, "name=value"),
        (["--set=share=2"], {}, TrainingError, "out of range"),
        (["--set=min_examined=1e9"], {}, TrainingError, "too little"),
        ([], {"log_events": "{shop}/products.jsonl"}, CatalogError, "gave no event"),
        ([], {"log_queries": "{shop}/none.jsonl"}, CatalogError, "no such file"),
        ([], {"judgments": "{shop}/queries.tsv"}, JudgmentError, "column is missing"),
        ([], {"judgments": ""}, TrainingError, "who is to be asked"),
        ([], {"judgments": "", "judge": "{shop}"}, TrainingError, "--products it reads"),
        ([], {"out": "{shop}/products.jsonl"}, BundleError, "something else"),
    ],
)
def test_refusals_leave_nothing(shop, tmp_path, more, other, error, says):
    other = {name: path.format(shop=shop) for name, path in other.items()}
    done = audit(shop, other.pop("out", tmp_path / "out"), *more, **other)
    assert isinstance(done.exception, error)
    assert says in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_broken_lines_are_counted_or_fatal(shop, tmp_path):
    log = tmp_path / "events.jsonl"
    log.write_text((shop / "ubi_events.jsonl").read_text() + "{cut\n")
    done = audit(shop, tmp_path / "out", log_events=log)
    assert done.exit_code == 0
    assert "events.jsonl:" in done.output
    strict = audit(shop, tmp_path / "strict", "--strict", log_events=log)
    assert isinstance(strict.exception, CatalogError)
    assert not (tmp_path / "strict").exists()


def test_every_setting_and_option_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    table = dict(re.findall(r"^\| `(\w+)` \| (?:`([\w.]+)`)? *\|", page, re.MULTILINE))
    defaults = {
        field.name: "" if field.default is None else str(field.default)
        for field in fields(AuditSettings)
    }
    assert {name: table[name] for name in defaults} == defaults
    for option in app.registered_commands[0].callback.__annotations__:
        if option != "return":
            assert f"`--{option.strip('_').replace('_', '-')}`" in page


def test_every_key_of_the_report_is_documented(audited):
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    report = json.loads((audited[0] / "report.json").read_text())
    assert [key for key in (*report, *report["log"]) if f"`{key}`" not in page] == []


def test_no_torch_is_needed():
    code = "import sys, training.audit.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

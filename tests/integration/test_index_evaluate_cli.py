"""`gradus evaluate` from the command line: files, comparisons, misspelt queries, the page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog.errors import CatalogError, GradusError, JudgmentError
from catalog.model import Grade, Judgment, Product
from catalog.readers import write_judgments
from catalog.split import query_hash
from index.build import CalibrationPlan, build_index
from index.calibration import default_calibration
from index.evaluating.cli import evaluate_app
from index.evaluating.figures import FIGURES
from index.evaluating.table_file import read_figures

NASTY = "<script>alert('1')</script>"


@pytest.fixture(scope="module", autouse=True)
def hashing(make_encoder):
    """Index `b` has another encoder than the rest."""

    def load(directory, **_options):
        return make_encoder(dim=16, name="other") if "b" in directory.parts else make_encoder()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.bundle.EncoderBundle.load", load)
        yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory, make_encoder, demo_products) -> Path:
    """An index whose products have one nasty title, one without it, and judgments."""
    root = tmp_path_factory.mktemp("shop")
    nasty = Product("p120", f"Red kettle {NASTY}", brand="Corvo", category=("Kitchen",))
    build_index([*demo_products, nasty], make_encoder(), root / "a")
    build_index([*demo_products, nasty], make_encoder(dim=16, name="other"), root / "b")
    build_index(demo_products, make_encoder(), root / "fewer")
    write_judgments(
        root / "qrels.tsv",
        [
            Judgment(f"red {kind}", product.id, Grade(2 if "red" in product.title else 1))
            for kind in ("kettle", "hose", "belt", "rake", "knife", "spade")
            for product in demo_products
            if kind in product.title
        ],
    )
    write_judgments(root / "unknown.tsv", [Judgment("red kettle", "gone", Grade.EXACT)])
    (root / "queries.tsv").write_text("query\tfrequency\tkind\nred kettle\t9\ttype\n")
    return root


def evaluate(shop: Path, *more: object):
    arguments = ["--index", shop / "a", "--qrels", shop / "qrels.tsv", *more]
    return CliRunner().invoke(evaluate_app, [*map(str, arguments)], catch_exceptions=False)


def compare(*sides: object, more: tuple[object, ...] = ()):
    arguments = ["--compare", *sides, *more]
    return CliRunner().invoke(evaluate_app, [*map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def everything(shop):
    """One run with every output: what it printed, and the directory that it wrote into."""
    out = shop / "out"
    done = evaluate(
        shop,
        *("--out", out / "report.json", "--per-query", out / "figures.tsv"),
        *("--html", out / "report.html", "--reliability", out / "reliability.png"),
        *("--worst", 2, "--misspell", 7),
        *("--compare", shop / "a", "--queries", shop / "queries.tsv"),
    )
    return done.output, out


def test_the_text_tells_all_and_fits(everything):
    printed, _ = everything
    for words in (
        *("6 queries", "difference to lexical", "slices, recall@100", "first twenty hits"),
        *("difference to semantic", "policy balanced", "as exact", "every query weighing the same"),
        *("one letter wrong in each query (seed 7", "the 2 queries of lowest hybrid", "first: "),
    ):
        assert words in printed
    assert max(len(line) for line in printed.splitlines() if "/" not in line) <= 100


def test_the_report_holds_all_and_is_the_same_again(everything, shop):
    _, out = everything
    report = json.loads((out / "report.json").read_text())
    assert report["schema"] == 2
    assert set(report["modes"]["hybrid"]) == set(FIGURES)
    assert set(report["difference_to_semantic"]) == {"hybrid"}
    assert (report["policy"], report["alpha_interval"]) == ("balanced", [0.0, 1.0])
    assert set(report["returned"]) == {"lexical", "semantic", "hybrid"}
    returned = report["returned"]["hybrid"]
    assert 0 < returned["exact"]["hits"] <= returned["hits"] <= 20 * 6
    by_query = report["tiers"]["accuracy_by_query"]
    assert by_query == pytest.approx(report["modes"]["hybrid"]["tier_accuracy"]["mean"])
    groups = {part["group"] for part in report["slices"]}
    assert groups == {*("length", "titles", "demand", "vocabulary", "kind", "products")}
    assert all(not part["enough"] for part in report["slices"])  # six queries are too few
    slipped = report["misspelt"]
    assert (slipped["queries"], slipped["unchanged"]) == (6, 0)
    for words in (slipped["modes"], slipped["uncorrected"]):
        for mode, of_mode in words.items():
            assert of_mode["ndcg@10"]["clean"] == report["modes"][mode]["ndcg@10"]
    # A slip leaves the word unknown: without correction nothing but `red` is left to find.
    alone = slipped["uncorrected"]["lexical"]["ndcg@10"]
    assert alone["misspelt"]["mean"] < alone["clean"]["mean"]
    assert alone["relative"]["mean"] == pytest.approx(
        alone["misspelt"]["mean"] / alone["clean"]["mean"] - 1
    )
    assert len(report["worst"]) == 2
    hit = report["worst"][0]["hits"][0]
    assert {"grade", "tier", "semantic", "lexical", "alpha", "p_exact", "thresholds"} <= set(hit)
    evaluate(shop, "--out", out / "again.json", "--misspell", 7, "--worst", 2)
    again = json.loads((out / "again.json").read_text())
    assert again["modes"] == report["modes"]
    assert again["misspelt"] == report["misspelt"]
    assert [one["hits"] for one in again["worst"]] == [one["hits"] for one in report["worst"]]


def test_an_index_is_level_with_itself(everything):
    _, out = everything
    report = json.loads((out / "report.json").read_text())
    for of_mode in report["comparison"]["modes"].values():
        for name, part in of_mode.items():
            assert part["first"] == part["second"] == report_mean(report, of_mode, name)
            assert part["difference"]["mean"] in (0.0, None)


def report_mean(report, of_mode, name):
    mode = next(m for m, values in report["comparison"]["modes"].items() if values is of_mode)
    return report["modes"][mode][name]


def test_the_means_are_those_of_the_queries(everything):
    _, out = everything
    report = json.loads((out / "report.json").read_text())
    figures = read_figures(out / "figures.tsv")
    assert len(figures.queries) == report["queries"]
    for mode, of_mode in report["modes"].items():
        mean = figures.values[mode]["ndcg@10"].mean()
        assert of_mode["ndcg@10"]["mean"] == pytest.approx(mean)
    assert "kind: type" in figures.slices[figures.queries.index("red kettle")]


def test_two_indexes_and_two_files_compare_alike(shop, everything):
    _, out = everything
    other = ["--index", shop / "b", "--qrels", shop / "qrels.tsv"]
    run = CliRunner().invoke
    arguments = [*other, "--per-query", out / "b.json", "--compare", out / "figures.tsv"]
    done = run(evaluate_app, [*map(str, arguments), "--out", str(out / "b-report.json")])
    assert done.exit_code == 0, done.output
    of_index = json.loads((out / "b-report.json").read_text())["comparison"]
    done = compare(out / "b.json", out / "figures.tsv", more=("--out", out / "files.json"))
    assert "difference = first - second" in done.output
    of_files = json.loads((out / "files.json").read_text())
    assert of_files["modes"] == of_index["modes"]
    assert of_files["second"] == str(out / "figures.tsv")
    assert compare(out / "b.json", "--compare", out / "figures.tsv").output == done.output
    both = ("--qrels", shop / "qrels.tsv", "--out", out / "both.json")
    assert compare(shop / "b", shop / "a", more=both).exit_code == 0
    of_indexes = json.loads((out / "both.json").read_text())["comparison"]
    assert of_indexes["modes"] == of_index["modes"]


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids |= {value for name, value in attrs if name == "id"}
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def test_the_page_shows_what_was_measured(everything):
    _, out = everything
    report = json.loads((out / "report.json").read_text())
    text = (out / "report.html").read_text()
    page = Page(text)
    sections = {"figures", "slices", "misspelt", "comparison", "calibration", "worst"}
    assert sections <= page.ids
    assert any(row[-1] == "hybrid − semantic" for row in page.rows)
    of = report["modes"]["hybrid"]["ndcg@10"]
    shown = f"{of['mean']:.3f}[{of['low']:.3f}, {of['high']:.3f}]"
    assert any(row[0] == "ndcg@10" and row[3] == shown for row in page.rows)
    exact = report["returned"]["hybrid"]["exact"]
    assert any(row[0] == "hybrid" and row[5:7] == [str(exact["hits"]), str(exact["queries"])]
               for row in page.rows)  # fmt: skip
    assert any("policy balanced" in text for text in page.texts)
    worst = report["worst"][0]
    assert worst["query"] in page.texts
    hit = worst["hits"][0]
    cells = [f"{hit[name]:.3f}" for name in ("relevance", "semantic", "lexical", "score")]
    assert any(row[3:7] == cells and row[0] == "1" for row in page.rows)
    assert page.tags.count("svg") == 3
    bins = sum(len(cut) for one in report["charts"]["reliability"].values() for cut in one.values())
    assert page.tags.count("circle") == bins
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not re.search(r"https?://|url\(|@import", text)
    assert f"Red kettle {NASTY}" in page.texts  # escaped, as a title of a hit


def test_what_cannot_be_measured_is_said(shop, tmp_path):
    with pytest.raises(JudgmentError, match="no product 'gone'"):
        evaluate(shop, "--qrels", shop / "unknown.tsv")
    with pytest.raises(JudgmentError, match="no such file"):
        evaluate(shop, "--qrels", tmp_path / "none.tsv")
    with pytest.raises(GradusError, match=r"different products .* 1 \('p120'\) only in"):
        evaluate(shop, "--compare", shop / "fewer")
    with pytest.raises(GradusError, match="no table of per-query figures"):
        evaluate(shop, "--compare", shop / "qrels.tsv")
    with pytest.raises(GradusError, match="no such file of per-query"):
        evaluate(shop, "--compare", tmp_path / "none.tsv")
    with pytest.raises(GradusError, match="this is a directory"):
        evaluate(shop, "--html", tmp_path)
    with pytest.raises(GradusError, match="--worst is out of range"):
        evaluate(shop, "--worst", "-1")
    with pytest.raises(CatalogError, match="no such file"):
        evaluate(shop, "--queries", tmp_path / "none.tsv")
    with pytest.raises(GradusError, match="two sides beside --index"):
        evaluate(shop, "--compare", shop / "b", "--compare", shop / "b")
    with pytest.raises(GradusError, match="two sides beside --index"):
        evaluate(shop, "--compare", shop / "b", shop / "b")
    with pytest.raises(GradusError, match="what is this"):
        evaluate(shop, shop / "b")


def test_queries_that_were_seen_are_refused_unless_allowed(
    shop, tmp_path, demo_products, make_encoder, monkeypatch
):
    """Calibrated on `red kettle`, trained on `red hose`."""
    known = replace(default_calibration(), queries=(query_hash("Red  kettle"),))
    made = CalibrationPlan(lambda _bundle, _encoder: (known, {}))
    build_index(demo_products, make_encoder(), tmp_path, calibrate=lambda _store, _encoder: made)

    def load(directory, **_options):
        encoder = make_encoder()
        encoder.train_queries = frozenset({query_hash("red hose")})
        return encoder

    monkeypatch.setattr("export.bundle.EncoderBundle.load", load)
    asked = ["--index", tmp_path, "--qrels", shop / "qrels.tsv", "--out", tmp_path / "r.json"]

    def ask(*more):
        arguments = [*map(str, asked), *map(str, more)]
        return CliRunner().invoke(evaluate_app, arguments, catch_exceptions=False)

    with pytest.raises(JudgmentError) as refused:
        ask()
    told = str(refused.value)
    assert "qrels.tsv" in told
    assert "2 of 6 queries have been seen" in told
    assert "1 trained its encoder, 1 calibrated it" in told
    assert "'red hose' and 1 more" in told
    assert "--allow-in-sample" in told
    assert not (tmp_path / "r.json").exists()
    assert "1 of these queries trained the encoder, 1 calibrated" in ask("--allow-in-sample").output
    overlap = json.loads((tmp_path / "r.json").read_text())["overlap"]
    assert overlap == {"trained": 1, "calibrated": 1}


def test_an_index_compared_with_must_not_have_seen_them_either(
    shop, tmp_path, demo_products, make_encoder
):
    known = replace(default_calibration(), queries=(query_hash("red kettle"),))
    made = CalibrationPlan(lambda _bundle, _encoder: (known, {}))
    build_index(demo_products, make_encoder(), tmp_path, calibrate=lambda _store, _encoder: made)
    beside = ("--index", shop / "fewer", "--compare", tmp_path)
    with pytest.raises(JudgmentError, match=r"1 of 6 queries .* 0 trained its encoder, 1 cali"):
        evaluate(shop, *beside)
    assert evaluate(shop, *beside, "--allow-in-sample").exit_code == 0


def test_sides_that_make_no_sense_are_refused(shop):
    with pytest.raises(GradusError, match="nothing to evaluate"):
        compare(shop / "qrels.tsv")
    with pytest.raises(GradusError, match="nothing to evaluate"):
        compare(shop / "a", shop / "b")
    with pytest.raises(GradusError, match="--qrels is missing"):
        CliRunner().invoke(evaluate_app, ["--index", str(shop / "a")], catch_exceptions=False)
    arguments = ["--compare", "x.tsv", "--compare", "y.tsv", "--worst", "3"]
    with pytest.raises(GradusError, match="compared as they are"):
        CliRunner().invoke(evaluate_app, arguments, catch_exceptions=False)


def test_reliability_is_drawn_as_a_picture(everything):
    _, out = everything
    assert (out / "reliability.png").read_bytes().startswith(b"\x89PNG")

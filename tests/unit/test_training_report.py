"""The page of a training run: what the report says is on it, and nothing else gets in or out."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from catalog.pages.axes import Scale, ticks
from training.report.facts import DevQuery, Ranked, RunFacts
from training.report.grades import moments
from training.report.histograms import circle_bands, grade_histogram, lowest_edge, share_in_band
from training.report.lines import Curve, line_chart, roomy
from training.report.page import REPORT, report_page, write_report

CIRCLE = {
    "two_boundary": 0.75,
    "one_negative_boundary": 0.6,
    "one_positive_boundary": 0.4,
    "zero_boundary": 0.25,
}
NASTY = "<script>alert('1')</script> & \"quoted\""


def counts(**by_bin: int) -> list[int]:
    """Counts of 40 bins from -1 to 1: `counts(b35=2)` has two from .75 to .80."""
    return [by_bin.get(f"b{place}", 0) for place in range(40)]


def separated(step: int, average: float) -> dict[str, Any]:
    return {
        "step": step,
        "cosines": {"2": counts(b35=3, b30=1), "1": counts(b28=2), "0": counts(b22=4, b29=1)},
        "margins": {
            "all": {"avg": average, "worst": -0.0321, "queries": 9},
            "overlap": {"avg": None, "worst": None, "queries": 0},
        },
    }


STAGES: dict[str, dict[str, Any]] = {
    "bag": {
        "steps": 40,
        "seconds": 12.5,
        "queries_per_second": 1234.5,
        "loss": [[10, 4.9569], [20, 3.6326], [40, 3.0053]],
        "temperature": 0.1,
        "dev": [
            {"step": 0, "dev_ndcg@10": 0.1234, "dev_recall@100": 0.2345},
            {"step": 40, "dev_ndcg@10": 0.5432, "dev_recall@100": 0.6543},
        ],
        "separation": [separated(0, 0.1111), separated(40, 0.2222)],
    },
    "mine": {
        "seconds": 1.5,
        "retrieved": 12000,
        "judged": 2662,
        "hard_negatives": 856,
        "hard_positives": 60,
        "instances": 236,
    },
    "refine": {
        "steps": 4,
        "seconds": 3.0,
        "queries_per_second": 5.5,
        "loss": [[2, 443.0734], [4, 154.8592]],
        "dev": [
            {"step": 0, "dev_ndcg@10": 0.5431, "dev_recall@100": 0.6542},
            {"step": 4, "dev_ndcg@10": 0.7654, "dev_recall@100": 0.8765},
        ],
        "separation": [separated(0, 0.2222), separated(4, 0.3333)],
    },
}
WORST = (
    DevQuery(
        query=f"kettle {NASTY}",
        ndcg=0.0312,
        judged=(2, 1, 7),
        hits=[
            Ranked(1, 0.8123, 0, "p1", NASTY),
            Ranked(2, 0.7001, None, 'p"2', "Red kettle"),
        ],
        missed=[Ranked(45, 0.3251, 2, "p3", "Kettle"), Ranked(None, -0.1, 2, "p4", "Old kettle")],
    ),
    DevQuery("hose", 0.5, (1, 0, 0), [Ranked(1, 0.9, 2, "p5", "Hose")], []),
)
FACTS = RunFacts(
    recipe={"name": "mine & <yours>", "seed": 7, "dev_fraction": 0.2, "circle": CIRCLE},
    architecture="transformer 2x256",
    sizes={"products": 8158, "graded queries": 50, "dev queries": 12, "ungraded queries": 6410},
    stages=STAGES,
    worst=WORST,
)


class Page(HTMLParser):
    """A page taken apart: texts, attributes, cells of tables. The nesting must be right."""

    VOID = frozenset({"meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], "elements are left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def page(facts: RunFacts = FACTS, fingerprints: dict[str, str] | None = None) -> Page:
    return Page(report_page(facts, fingerprints or {}))


# --- the values ------------------------------------------------------------------------------


def test_the_table_of_stages_has_the_values_of_the_report():
    rows = page().rows
    assert rows[0][:5] == ["stage", "steps", "seconds", "queries/s", "loss, first → last"]
    assert rows[1] == [
        *("bag", "40", "12.5", "1234.5", "4.9569 → 3.0053"),
        *("0.1234 → 0.5432", "0.2345 → 0.6543"),
    ]
    assert rows[2] == ["mine", "–", "1.5", "–", "–", "–", "–"]
    assert rows[3][4:] == ["443.0734 → 154.8592", "0.5431 → 0.7654", "0.6542 → 0.8765"]


def test_a_stage_that_ended_with_its_best_weights_shows_what_they_gave():
    best = {"step": 20, "dev_ndcg@10": 0.6001, "dev_recall@100": 0.7002}
    stage = {
        **STAGES["bag"],
        "result_step": 20,
        "dev": [STAGES["bag"]["dev"][0], best, STAGES["bag"]["dev"][1]],
        "separation": [separated(0, 0.1), separated(20, 0.4004), separated(40, 0.2)],
    }
    shown = page(replace(FACTS, stages={"bag": stage}))
    assert shown.rows[1][1] == "40, kept 20"
    assert shown.rows[1][5:] == ["0.1234 → 0.6001", "0.2345 → 0.7002"]
    assert ["after bag", "0.4004", "-0.0321", "9"] in shown.rows
    assert {"0.6001", "0.7002"} <= set(shown.texts)


def test_the_header_says_what_was_trained_on_what():
    texts = page().texts
    assert "Training run mine & <yours>" in texts
    assert "transformer 2x256, seed 7, 17 s" in texts
    for label, value in (
        ("products", "8,158"),
        ("ungraded queries", "6,410"),
        ("dev nDCG@10", "0.7654"),
        ("dev Recall@100", "0.8765"),
    ):
        at = texts.index(label)
        assert value in texts[at : at + 3]


def test_every_point_of_every_curve_can_be_read():
    texts = page().texts
    points = [text for text in texts if ", step " in text]
    assert points == [
        *("loss, step 10: 4.9569", "loss, step 20: 3.6326", "loss, step 40: 3.0053"),
        *("loss, step 2: 443.0734", "loss, step 4: 154.8592"),
        *("nDCG@10, step 0: 0.1234", "nDCG@10, step 40: 0.5432"),
        *("Recall@100, step 0: 0.2345", "Recall@100, step 40: 0.6543"),
        *("nDCG@10, step 0: 0.5431", "nDCG@10, step 4: 0.7654"),
        *("Recall@100, step 0: 0.6542", "Recall@100, step 4: 0.8765"),
    ]


def test_histograms_and_margins_before_and_after_each_stage():
    assert [name for name, _ in moments(STAGES)] == ["before bag", "after bag", "after refine"]
    shown = page()
    for name, average in (("before bag", "0.1111"), ("after refine", "0.3333")):
        assert [name, average, "-0.0321", "9"] in shown.rows
    assert shown.texts.count("grade 2: 4 pairs, 75% in its band") == 3
    assert shown.texts.count("0.75 to 0.80: 3") == 3
    assert not any("70 %" in cell for row in shown.rows for cell in row), "nothing to show there"


def test_margins_of_close_pairs_have_columns_when_there_are_any():
    stage = {**STAGES["bag"], "separation": [separated(0, 0.1)]}
    stage["separation"][0]["margins"]["overlap"] = {"avg": 0.4567, "worst": 0.1, "queries": 3}
    rows = page(replace(FACTS, stages={"bag": stage})).rows
    assert ["before bag", "0.1000", "-0.0321", "9", "0.4567", "0.1000", "3"] in rows


def test_mined_pairs_are_counted_by_kind():
    rows = page(replace(FACTS, stages={**STAGES, "mine-2": {"seconds": 1, "retrieved": 7}})).rows
    assert ["pairs", "mine", "mine-2"] in rows
    for row in (
        ["retrieved", "12,000", "7"],
        ["with a grade", "2,662", "–"],
        ["hard negatives", "856", "–"],
        ["hard positives", "60", "–"],
    ):
        assert row in rows


def test_the_worst_queries_come_with_hits_and_grades():
    shown = page()
    assert ["1", "0.812", "irrelevant", NASTY] in shown.rows
    assert ["2", "0.700", "unjudged", "Red kettle"] in shown.rows
    assert ["45", "0.325", "exact", "Kettle"] in shown.rows
    assert ["> 100", "-0.100", "exact", "Old kettle"] in shown.rows
    assert "0.0312" in shown.texts
    assert "2 exact, 1 substitute, 7 irrelevant judged" in shown.texts


def test_recipe_and_fingerprints_are_on_record():
    rows = page(fingerprints={"products.0": "ab" * 32}).rows
    assert ["circle.two_boundary", "0.75"] in rows
    assert ["products.0", "ab" * 32] in rows


# --- what there is not -----------------------------------------------------------------------


def test_a_run_without_a_dev_split_says_so_and_shows_the_rest():
    stages = {
        name: {key: value for key, value in stage.items() if key not in ("dev", "separation")}
        for name, stage in STAGES.items()
    }
    sizes = {**FACTS.sizes, "dev queries": 0}
    shown = page(replace(FACTS, stages=stages, sizes=sizes, worst=()))
    assert any("no dev split" in text for text in shown.texts)
    assert ["bag", "40", "12.5", "1234.5", "4.9569 → 3.0053"] in shown.rows
    assert not any("nDCG" in text for text in shown.texts)
    assert "loss, step 10: 4.9569" in shown.texts
    assert {"hard negatives", "856"} <= {cell for row in shown.rows for cell in row}


def test_a_run_without_stages_is_a_page_all_the_same():
    shown = page(replace(FACTS, stages={}))
    assert "No stage was trained." in shown.texts
    assert ["1", "0.900", "exact", "Hose"] in shown.rows


def test_a_stage_that_was_read_back_without_a_curve_is_a_row_of_dashes():
    stage = {"steps": 3, "seconds": 0.0, "queries_per_second": 0.0, "loss": [], "dev": []}
    assert ["bag", "3", "0.0", "0.0", "–", "–", "–"] in page(
        replace(FACTS, stages={"bag": stage})
    ).rows


# --- nothing gets in, nothing is fetched -------------------------------------------------------


def test_titles_and_queries_are_escaped_everywhere():
    text = report_page(FACTS, {"<b>": "<i>"})
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp; &quot;quoted&quot;" in text
    assert f"kettle {NASTY}" in page().texts
    assert ("span", {"title": 'p"2'}) in page().tags
    assert not re.search(r"<[bi]>&|<i><", text)


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path):
    write_report(tmp_path, FACTS, {})
    text = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert not re.search(r"https?://|url\(|@import", text)
    tags = Page(text).tags
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in tags}
    assert not any({"src", "href"} & set(attributes) for _, attributes in tags)
    assert any("default-src 'none'" in str(attributes.get("content")) for _, attributes in tags)
    assert "prefers-color-scheme: dark" in text
    assert any(attributes.get("name") == "viewport" for _, attributes in tags)


def test_the_network_is_fingerprinted_and_odd_titles_can_be_written(tmp_path: Path):
    (tmp_path / "heads.safetensors").write_bytes(b"weights")
    odd = DevQuery("a", 0.0, (0, 0, 1), [Ranked(1, 0.1, 0, "p", "half \ud800 pair")], [])
    write_report(tmp_path, replace(FACTS, worst=[odd]), {"qrels.0": "cd" * 32})
    rows = Page((tmp_path / REPORT).read_text(encoding="utf-8")).rows
    assert ["1", "0.100", "irrelevant", "half ? pair"] in rows
    assert ["qrels.0", "cd" * 32] in rows
    assert ["heads.safetensors", sha256(b"weights").hexdigest()] in rows


# --- drawing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0.0, 1.0, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (3, 60, [20, 40, 60]),
        (1, 3, [1.0, 1.5, 2.0, 2.5, 3.0]),
        (-0.5, 1.0, [-0.5, 0.0, 0.5, 1.0]),
        (71.8, 471.9, [100, 200, 300, 400]),
        (5, 5, [5]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, marks: list[float]) -> None:
    assert ticks(low, high) == marks


def test_a_scale_maps_ends_to_ends():
    x = Scale(10, 30, 100, 0)
    assert (x(10), x(20), x(30)) == (100, 50, 0)
    assert Scale(4, 4, 0, 100)(4) == 50


def test_a_curve_of_one_point_can_be_drawn():
    assert roomy([2.0]) == (1.84, 2.16)
    svg = line_chart("one", [Curve("loss", "first", [(3, 2.0)])])
    assert "loss, step 3: 2" in svg
    assert "nan" not in svg


def test_bands_are_the_circle_losses():
    assert circle_bands(CIRCLE) == {2: (0.75, 1.0), 1: (0.4, 0.6), 0: (-1.0, 0.25)}


def test_share_in_band_by_hand():
    # Bin 35 begins at .75, bin 34 ends there.
    assert share_in_band(counts(b34=1, b35=2, b39=1), (0.75, 1.0)) == 0.75
    # Bins 28 to 31 reach from .40 to .60.
    assert share_in_band(counts(b27=1, b28=1, b31=1, b32=1), (0.4, 0.6)) == 0.5
    assert share_in_band(counts(), (0.4, 0.6)) is None


def test_the_axis_reaches_down_to_the_lowest_bar():
    assert lowest_edge([]) == 0
    assert lowest_edge([{"2": counts(b20=1)}, {"0": counts(b30=1)}]) == 0
    assert lowest_edge([{"2": counts(b20=1), "0": counts(b19=1)}]) == -0.25
    assert lowest_edge([{"2": counts(b0=1)}]) == -1


def test_bars_stand_where_and_as_high_as_they_should():
    by_grade = {"2": counts(b35=3, b30=1), "1": counts(), "0": counts(b20=1, b21=1)}
    svg = Page(grade_histogram("x", by_grade, circle_bands(CIRCLE), 0.0))
    bars = {
        kind: [
            (float(a["x"] or 0), float(a["height"] or 0))
            for tag, a in svg.tags
            if tag == "rect" and a["class"] == kind
        ]
        for kind in ("exact", "substitute", "irrelevant")
    }
    # 312 units from 0 to 1, from 14 on; ¾ of the pairs are the highest bar of 40 units.
    assert bars["exact"] == [(170.0, 13.3), (248.0, 40.0)]
    assert bars["substitute"] == []
    assert bars["irrelevant"] == [(14.0, 26.7), (29.6, 26.7)]
    bands = [a for tag, a in svg.tags if tag == "rect" and "band" in str(a["class"])]
    assert [(b["x"], b["width"]) for b in bands] == [
        ("248.0", "78.0"),
        ("138.8", "62.4"),
        ("14.0", "78.0"),
    ]

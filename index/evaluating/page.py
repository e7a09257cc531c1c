"""The report of `gradus evaluate` as one page: figures, slices, calibration, worst queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from catalog.pages.markup import Html, count, element, escaped, figure, table
from catalog.pages.whole import whole_page
from index.evaluating.cells import number, overlap_note
from index.evaluating.charts import reliability_chart, score_histogram
from index.evaluating.figures import FIGURES
from index.evaluating.page_queries import worst_section
from index.evaluating.page_tables import (
    comparison_section,
    misspelt_section,
    populations_table,
    returned_table,
    slices_section,
    stacked,
)

Report = Mapping[str, Any]
_TILES = ("ndcg@10", "recall@100")


def evaluation_page(report: Report) -> str:
    """The page as a text: no script, nothing fetched."""
    return whole_page(f"Gradus · evaluation of {report['index']}", _header(report), _parts(report))


def _header(report: Report) -> list[Html]:
    tiles = [(name, count(report[key])) for name, key in _SIZES.items()]
    tiles += [
        (f"{mode} {name}", figure(report["modes"][mode][name]["mean"], 3))
        for name in _TILES
        for mode in ("lexical", "hybrid")
    ]
    low, high = report["alpha_interval"]
    words = (
        f"encoder {report['encoder'][:12]}, calibration {report['calibration_name']}, "
        f"alpha {report['alpha']} [{low:g}, {high:g}], policy {report['policy']}"
    )
    parts = [
        element("h1", escaped(f"Evaluation of index {report['index']}")),
        element("p", escaped(words)),
        element(
            "dl",
            [
                element("div", [element("dt", escaped(name)), element("dd", value)])
                for name, value in tiles
            ],
        ),
    ]
    if any(report["overlap"].values()):
        parts.append(element("p", escaped(overlap_note(report["overlap"])), class_="callout"))
    return parts


_SIZES = {"queries": "queries", "judged pairs": "judged_pairs", "products": "products"}


def _parts(report: Report) -> Iterator[Html]:
    yield _figures(report)
    yield slices_section(report["slices"])
    if "misspelt" in report:
        yield misspelt_section(report["misspelt"])
    if "comparison" in report:
        yield comparison_section(report["comparison"])
    yield _calibration(report)
    if report["worst"]:
        yield worst_section(report["worst"])


def _figures(report: Report) -> Html:
    modes = list(report["modes"])
    behind = [
        (mode, arm, of_mode)
        for arm in ("lexical", "semantic")
        for mode, of_mode in report[f"difference_to_{arm}"].items()
    ]
    rows = [
        [
            escaped(name),
            *(stacked(report["modes"][mode][name]) for mode in modes),
            *(_difference(of_mode[name]) for _, _, of_mode in behind),
        ]
        for name in FIGURES
    ]
    heads = ["", *modes, *(f"{mode} − {arm}" for mode, arm, _ in behind)]
    return element(
        "section",
        [
            element("h2", escaped("Figures")),
            element("p", escaped(_FIGURES), class_="note"),
            table(heads, rows),
        ],
        id="figures",
    )


_FIGURES = (
    "Means over queries with 95 % bootstrap intervals; differences query by query. A product that "
    "nobody judged counts as irrelevant. Of no_confident_match and squared_error less is better."
)


def _difference(record: Mapping[str, Any]) -> Html:
    kind = {"better": "badge exact", "worse": "badge substitute", "level": "badge irrelevant"}
    return stacked(record, "+", kind.get(record["verdict"] or "", "badge unjudged"))


def _calibration(report: Report) -> Html:
    charts = report["charts"]
    drawn = [
        reliability_chart(f"Reliability on {_POPULATIONS[name]}", cuts)
        for name, cuts in charts["reliability"].items()
    ]
    drawn.append(score_histogram("Hybrid score by judged grade", charts["scores"]))
    return element(
        "section",
        [
            element("h2", escaped("Calibration")),
            element("p", escaped(_CALIBRATION), class_="note"),
            element("div", drawn, class_="charts"),
            element("h3", escaped("By mode and population")),
            populations_table(report["populations"], _POPULATIONS),
            element("h3", escaped("Hits as shown")),
            element("p", escaped(_returned(report["tiers"])), class_="note"),
            returned_table(report["returned"]),
        ],
        id="calibration",
    )


def _returned(tiers: Report) -> str:
    return (
        "Of each query the first twenty hits that reach substitute; one that nobody judged counts "
        f"as irrelevant. On the {tiers['pairs']:,} judged pairs of hybrid search the tiers' "
        f"accuracy is {number(tiers['accuracy'])} (the commonest grade "
        f"{number(tiers['majority'])}); every query weighing the same, "
        f"{number(tiers['accuracy_by_query'])} ({number(tiers['majority_by_query'])})."
    )


_POPULATIONS = {
    "judged": "judged pairs",
    "shown": "the first twenty hits",
    "random": "random products",
}
_CALIBRATION = (
    "What was said of pairs beside what judges say. Judged products are all plausible; among the "
    "first twenty hits and the random products, those that nobody judged count as irrelevant. "
    "Skill is 1 for perfect forecasts and 0 for always saying the share."
)

"""How far apart the grades lie: histograms of the cosine and margins, from stage to stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog.pages.markup import Html, count, element, escaped, figure, table
from training.report.facts import RunFacts, StageReports, result_of
from training.report.histograms import circle_bands, grade_histogram, lowest_edge


def grades_section(facts: RunFacts) -> Html:
    """Before the first measured stage and after each one; nothing where no stage was measured."""
    found = moments(facts.stages)
    if not found:
        return Html("")
    bands = circle_bands(facts.recipe["circle"])
    low = lowest_edge([one["cosines"] for _, one in found])
    charts = [grade_histogram(name, one["cosines"], bands, low) for name, one in found]
    note = (
        "Judged products of the dev queries: share by cosine in steps of 0.05. Shaded is where the "
        "circle loss wants each grade."
    )
    return element(
        "section",
        [
            element("h2", escaped("Cosine by grade")),
            element("p", escaped(note), class_="note"),
            element("div", charts, class_="charts"),
            element("h3", escaped("Margins")),
            _margin_table(found),
            element("p", escaped(_MARGINS), class_="note"),
        ],
        id="grades",
    )


_MARGINS = (
    "Average: mean cosine of a query's exact products less that of its irrelevant ones. Worst: its "
    "lowest exact less its highest irrelevant one. Means over the queries that have both. 70 %: "
    "of products whose title has at least 70 % of the query's words, if that leaves any."
)


def moments(stages: StageReports) -> list[tuple[str, Mapping[str, Any]]]:
    """What was measured before the first measured stage and after each: (words, separation)."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for name, stage in stages.items():
        result = result_of(stage, "separation")
        if result and not found:
            found.append((f"before {name}", stage["separation"][0]))
        if result:
            found.append((f"after {name}", result))
    return found


def _margin_table(found: Sequence[tuple[str, Mapping[str, Any]]]) -> Html:
    heads = ["", "average", "worst", "queries"]
    columns = ["all"]
    if any(one["margins"]["overlap"]["queries"] for _, one in found):
        heads += ["average, 70 %", "worst, 70 %", "queries, 70 %"]
        columns.append("overlap")
    rows = []
    for name, one in found:
        cells = [escaped(name)]
        for pairs in columns:
            margins = one["margins"][pairs]
            cells += [figure(margins["avg"]), figure(margins["worst"]), count(margins["queries"])]
        rows.append(cells)
    return table(heads, rows)

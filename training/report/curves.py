"""Loss and dev measures over the steps of each stage."""

from __future__ import annotations

from catalog.pages.markup import Html, element, escaped
from training.report.facts import RunFacts, StageReports
from training.report.lines import Curve, line_chart, roomy

_MEASURES = {"dev_ndcg@10": ("nDCG@10", "first"), "dev_recall@100": ("Recall@100", "second")}


def loss_section(stages: StageReports) -> Html:
    """A curve a stage, each with an axis of its own: losses of stages do not compare."""
    charts = [
        line_chart(name, [Curve("loss", "first", stage["loss"])])
        for name, stage in stages.items()
        if stage.get("loss")
    ]
    note = "Mean since the point before. Every stage has a loss of its own: heights do not compare."
    return element(
        "section",
        [
            element("h2", escaped("Loss")),
            element("p", escaped(note), class_="note"),
            element("div", charts, class_="charts"),
        ],
        id="loss",
    )


def dev_section(facts: RunFacts) -> Html:
    """nDCG@10 and Recall@100 over the whole catalogue, on one axis for all stages."""
    curves = {name: _curves(stage.get("dev", ())) for name, stage in facts.stages.items()}
    values = [value for of_stage in curves.values() for one in of_stage for _, value in one.points]
    low, high = roomy(values) if values else (0.0, 1.0)
    charts = [
        line_chart(name, of_stage, values=(max(0.0, low), min(1.0, high)))
        for name, of_stage in curves.items()
        if of_stage
    ]
    note = (
        f"{facts.dev_queries} queries that nothing was learned from, over the whole catalogue; "
        "unjudged products count as irrelevant. Step 0 is before the stage."
    )
    return element(
        "section",
        [
            element("h2", escaped("Dev split")),
            element("p", escaped(note), class_="note"),
            element("div", charts, class_="charts"),
        ],
        id="dev",
    )


def _curves(entries: list[dict[str, float]]) -> list[Curve]:
    found = []
    for key, (name, kind) in _MEASURES.items():
        points = [(entry["step"], entry[key]) for entry in entries if key in entry]
        if points:
            found.append(Curve(name, kind, points))
    return found

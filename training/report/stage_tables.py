"""The run's tables: its stages, and the pairs that were mined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.report.facts import RunFacts, StageReports
from training.report.markup import NOTHING, Html, count, element, escaped, figure, table

_ARROW = " → "
_MINED = {
    "retrieved": "retrieved",
    "judged": "with a grade",
    "hard_positives": "hard positives",
    "hard_negatives": "hard negatives",
    "instances": "instances for the next stage",
}


def stages_table(facts: RunFacts) -> Html:
    """A row a stage in the order of the run: duration, loss and dev figures before and after."""
    heads = ["stage", "steps", "seconds", "queries/s", "loss, first → last"]
    if facts.dev_queries:
        heads += ["dev nDCG@10", "dev Recall@100"]
    rows = []
    for name, stage in facts.stages.items():
        row = [
            escaped(name),
            count(stage["steps"]) if "steps" in stage else NOTHING,
            figure(stage["seconds"], 1),
            figure(stage.get("queries_per_second"), 1),
            _change([value for _, value in stage.get("loss", ())]),
        ]
        if facts.dev_queries:
            row += [_change(_values(stage, key)) for key in ("dev_ndcg@10", "dev_recall@100")]
        rows.append(row)
    return table(heads, rows)


def mined_table(stages: StageReports) -> Html:
    """Counts of mined pairs, a column a round; nothing where the run did not mine."""
    rounds = {name: stage for name, stage in stages.items() if "retrieved" in stage}
    if not rounds:
        return Html("")
    rows = [
        [
            escaped(label),
            *(count(stage[key]) if key in stage else NOTHING for stage in rounds.values()),
        ]
        for key, label in _MINED.items()
    ]
    note = (
        "Retrieved pairs and those with a grade are of each round, hard pairs of all so far. Hard "
        "negatives are irrelevant products in the upper half of the list, hard positives relevant "
        "ones in the lower."
    )
    return element(
        "section",
        [
            element("h2", escaped("Mined pairs")),
            table(["pairs", *rounds], rows),
            element("p", escaped(note), class_="note"),
        ],
        id="mined",
    )


def _values(stage: Mapping[str, Any], key: str) -> list[float]:
    return [entry[key] for entry in stage.get("dev", ()) if key in entry]


def _change(values: list[float]) -> Html:
    if not values:
        return NOTHING
    return Html(figure(values[0]) + _ARROW + figure(values[-1]))

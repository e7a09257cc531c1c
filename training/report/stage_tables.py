"""The run's tables: its stages, and the pairs that were mined."""

from __future__ import annotations

from catalog.pages.markup import NOTHING, Html, count, element, escaped, figure, table
from training.report.facts import RunFacts, StageReport, StageReports, result_of

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
            _steps(stage),
            figure(stage["seconds"], 1),
            figure(stage.get("queries_per_second"), 1),
            _loss(stage),
        ]
        if facts.dev_queries:
            row += [_dev(stage, key) for key in ("dev_ndcg@10", "dev_recall@100")]
        rows.append(row)
    return table(heads, rows)


def pairs_note(stages: StageReports) -> Html:
    """How many pairs of queries a stage learned from; nothing where none were asked for."""
    stage = next((stage for stage in stages.values() if "query_pairs" in stage), None)
    if stage is None:
        return Html("")
    pairs, queries = stage["query_pairs"], stage["paired_queries"]
    found = f"{pairs:,}, of {queries:,} queries" if pairs else "none that share enough of them"
    words = f"Pairs of queries, alike by their exact products, that stage 1 learned from: {found}."
    return element("p", escaped(words), class_="note")


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


def _steps(stage: StageReport) -> Html:
    if "steps" not in stage:
        return NOTHING
    steps, kept = stage["steps"], stage.get("result_step", stage["steps"])
    return count(steps) if kept == steps else escaped(f"{steps:,}, kept {kept:,}")


def _loss(stage: StageReport) -> Html:
    curve = stage.get("loss")
    return _change(curve[0][1], curve[-1][1]) if curve else NOTHING


def _dev(stage: StageReport, key: str) -> Html:
    result = result_of(stage, "dev")
    return _change(stage["dev"][0].get(key), result.get(key)) if result else NOTHING


def _change(first: float | None, last: float | None) -> Html:
    return Html(figure(first) + _ARROW + figure(last))

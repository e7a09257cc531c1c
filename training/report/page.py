"""The whole page: one file with everything in it, for a browser without a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from catalog.artefact import hash_file
from catalog.pages.markup import Html, count, element, escaped, figure, table
from catalog.pages.whole import whole_page, write_page
from training.report.curves import dev_section, loss_section
from training.report.facts import RunFacts, result_of
from training.report.grades import grades_section
from training.report.queries import queries_section
from training.report.stage_tables import mined_table, pairs_note, stages_table

REPORT = "report.html"
_WEIGHTS = ("backbone/model.safetensors", "heads.safetensors", "tokenizer.json")


def write_report(directory: Path, facts: RunFacts, inputs: Mapping[str, str]) -> None:
    """Write `report.html` into a checkpoint whose network is there already.

    `inputs` are the sha256 of the input files by role, shown beside those of the network.
    """
    network = {
        name: hash_file(directory / name) for name in _WEIGHTS if (directory / name).is_file()
    }
    write_page(directory / REPORT, report_page(facts, {**inputs, **network}))


def report_page(facts: RunFacts, fingerprints: Mapping[str, str]) -> str:
    """The page as a text; `fingerprints` are sha256 by file."""
    title = f"Gradus · training run {facts.recipe['name']}"
    return whole_page(title, _header(facts), _sections(facts, fingerprints))


def _header(facts: RunFacts) -> list[Html]:
    words = f"{facts.architecture}, seed {facts.recipe['seed']}, {_duration(facts.seconds)}"
    tiles = [(label, count(number)) for label, number in facts.sizes.items()]
    tiles += [(f"dev {label}", figure(value)) for label, value in _last_figures(facts)]
    return [
        element("h1", escaped(f"Training run {facts.recipe['name']}")),
        element("p", escaped(words)),
        element(
            "dl",
            [
                element("div", [element("dt", escaped(label)), element("dd", value)])
                for label, value in tiles
            ],
        ),
    ]


def _last_figures(facts: RunFacts) -> Iterator[tuple[str, float]]:
    results = [result_of(stage, "dev") for stage in facts.stages.values()]
    last: Mapping[str, Any] = next((result for result in reversed(results) if result), {})
    for key, label in (("dev_ndcg@10", "nDCG@10"), ("dev_recall@100", "Recall@100")):
        if key in last:
            yield label, last[key]


def _sections(facts: RunFacts, fingerprints: Mapping[str, str]) -> Iterator[Html]:
    if not facts.dev_queries:
        note = (
            "This run kept no dev split, so nothing was measured on queries that it did not learn "
            "from. Set dev_fraction above 0 for dev curves, histograms and worst queries."
        )
        yield element("p", escaped(note), class_="callout")
    stages = [element("h2", escaped("Stages")), stages_table(facts), pairs_note(facts.stages)]
    if not facts.stages:
        stages.append(element("p", escaped("No stage was trained."), class_="note"))
    yield element("section", stages, id="stages")
    if any(stage.get("loss") for stage in facts.stages.values()):
        yield loss_section(facts.stages)
    if any(stage.get("dev") for stage in facts.stages.values()):
        yield dev_section(facts)
        yield grades_section(facts)
    yield mined_table(facts.stages)
    if facts.worst:
        yield queries_section(facts)
    yield _record(facts.recipe, fingerprints)


def _record(recipe: Mapping[str, Any], fingerprints: Mapping[str, str]) -> Html:
    settings = [[escaped(key), escaped(value)] for key, value in _flat(recipe)]
    hashes = [
        [escaped(name), element("code", escaped(digest))] for name, digest in fingerprints.items()
    ]
    return element(
        "section",
        [
            element("h2", escaped("Record")),
            element(
                "details",
                [
                    element("summary", escaped("Recipe: every setting as used")),
                    table(["setting", "value"], settings, texts=(0, 1)),
                ],
            ),
            element(
                "details",
                [
                    element("summary", escaped("Fingerprints: sha256 of inputs and network")),
                    table(["file", "sha256"], hashes, texts=(0, 1)),
                ],
            ),
        ],
        id="record",
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

"""`docs/operations.md` and `docs/api.md` list what there is, and nothing that is not."""

from __future__ import annotations

import re
from pathlib import Path

from service import metrics, problems, protocol
from service.app import create_app
from service.settings import Settings, setting_names

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "operations.md").read_text()
API = (REPOSITORY / "docs" / "api.md").read_text()


def table(heading: str, text: str = TEXT) -> list[list[str]]:
    """Cells of the first table below a heading, without its head."""
    after = text.split(f"\n{heading}\n", 1)[1]
    rows = after[after.index("|") :].split("\n\n", 1)[0].splitlines()
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_settings() -> None:
    assert [row[0] for row in table("## Settings")] == list(setting_names())


def test_defaults_of_settings() -> None:
    for name, default, _ in table("## Settings"):
        value: object = Settings.model_construct()
        for part in name.removeprefix("GRADUS_").lower().split("__"):
            value = getattr(value, part)
        assert str(value).lower() == default.lower(), name


def test_metrics() -> None:
    assert [row[0] for row in table("## Metrics")] == list(metrics.metric_names())


def test_types_and_labels_of_metrics() -> None:
    for name, kind, labels, _ in table("## Metrics"):
        (metric,) = (
            each
            for each in vars(metrics).values()
            if isinstance(each, metrics.MetricWrapperBase)
            and f"{each._name}{'_total' if each._type == 'counter' else ''}" == name
        )
        assert metric._type == kind
        assert re.findall(r"\w+", labels) == list(metric._labelnames)


def test_routes_and_methods() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    served = {path: {method.upper() for method in methods} for path, methods in paths.items()}
    served["/docs"] = {"GET"}  # outside its own document
    listed = {row[0]: set(re.findall(r"\w+", row[1])) for row in table("## Endpoints", API)}
    assert listed == served


def test_error_codes() -> None:
    listed = {row[1] for row in table("### Codes", API)}
    assert listed == set(problems.TITLES)
    statuses = {row[1]: int(row[0]) for row in table("### Codes", API)}
    for problem in (protocol._MALFORMED, protocol._TARGET, protocol._HEADERS, problems.INTERNAL):
        assert statuses[problem.code] == problem.status

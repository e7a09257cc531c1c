"""`docs/judges.md` lists what there is, and nothing that is not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import typer

from training.judges.cli import app
from training.judges.prompt import GUIDELINE, Guideline
from training.judges.settings import LLMSettings

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "judges.md").read_text()


def rows(head: str) -> list[list[str]]:
    """Cells of the table with this first cell in its head."""
    table = TEXT.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0].splitlines()
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in table[2:]]


def test_every_setting_of_the_endpoint_is_listed_with_its_default() -> None:
    listed = {name: default for name, default, _ in rows("setting")}
    expected = {}
    for name, part in LLMSettings.model_fields.items():
        default = part.get_default(call_default_factory=True, validated_data={})
        if part.is_required():
            expected[name] = ""
        elif default == GUIDELINE:
            expected[name] = str(GUIDELINE.relative_to(REPOSITORY))
        else:
            expected[name] = str(default).lower() if isinstance(default, bool) else str(default)
    assert listed == expected


def test_the_example_is_valid() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    settings = LLMSettings.model_validate(tomllib.loads(example)["judge"])
    assert settings.max_tokens == 3_000_000


def test_options_and_verbs_exist() -> None:
    group = typer.main.get_command(app)
    commands = group.commands  # type: ignore[attr-defined]
    known = {
        option for command in commands.values() for part in command.params for option in part.opts
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", TEXT)) <= known | {"--help"}
    assert set(re.findall(r"gradus judge ([a-z]+)", TEXT)) == set(commands)


def test_the_shipped_guideline_names_every_grade() -> None:
    text = Guideline.read().text
    for grade in ("**2, exact.**", "**1, substitute or complement.**", "**0, irrelevant.**"):
        assert text.count(grade) == 1

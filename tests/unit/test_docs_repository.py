"""The repository's promises about itself: documents, Makefile, dependencies, sizes of files."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

import gradus

REPOSITORY = Path(__file__).parents[2]
ROOMS = ("catalog", "training", "export", "index", "service")
FOLDERS = (*ROOMS, "benchmarks", "deploy", "docs", "tests", ".ci")
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])
WRITTEN = "\n".join(path.read_text() for path in DOCUMENTS if path.name != "CHANGELOG.md")
MAKEFILE = (REPOSITORY / "Makefile").read_text()
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())

MOST_BYTES = 1_000_000
MOST_LINES = 260


def repository_files() -> Iterator[Path]:
    """Every file that belongs to the project: no caches, artefacts or environments."""
    yield from (path for path in REPOSITORY.iterdir() if path.is_file())
    for folder in FOLDERS:
        for path in (REPOSITORY / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def make_targets() -> set[str]:
    (line,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    return set(line.split())


def names(requirements: list[str]) -> set[str]:
    """Distributions of requirement lines, Gradus's own extras left out."""
    found = {re.split(r"[\[<>=~! ]", line, maxsplit=1)[0].lower() for line in requirements}
    return found - {"gradus"}


def declared() -> set[str]:
    project = PROJECT["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return names([*project["dependencies"], *extras, *PROJECT["build-system"]["requires"]])


def test_every_verb_is_in_the_documents() -> None:
    used = set(re.findall(r"gradus ([a-z]+(?:-[a-z]+)*)", WRITTEN))
    assert set(gradus.VERBS) <= used


def test_every_verb_in_the_documents_exists() -> None:
    mentioned = set(re.findall(r"`gradus ([a-z][a-z-]*)|^gradus ([a-z][a-z-]*)", WRITTEN, re.M))
    assert {first or second for first, second in mentioned} <= set(gradus.VERBS)


def test_every_target_has_its_line_of_help() -> None:
    documented = set(re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, re.MULTILINE))
    assert documented == make_targets()


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_without_a_target_lists_all_of_them() -> None:
    run = _make()
    assert run.returncode == 0
    assert set(re.findall(r"^  make ([a-z-]+) +\S", run.stdout, re.MULTILINE)) == make_targets()
    assert run.stderr == ""


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_says_which_real_data_is_missing(tmp_path: Path) -> None:
    for stamp in (".made", ".torch", ".train"):  # nothing is to be installed
        (tmp_path / stamp).touch()
    run = _make("esci", f"DATA={tmp_path}", f"VENV={tmp_path}")
    assert run.returncode != 0
    assert f"make esci: {tmp_path}/esci/products.jsonl is not there" in run.stderr
    assert "expected: DATA=DIR" in run.stderr


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # The tests are run by make themselves: its flags are not for this one.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=outside, capture_output=True, text=True)


def test_every_make_command_in_the_documents_exists() -> None:
    mentioned = set(re.findall(r"(?:`|^ *|&& )make ([a-z][a-z-]*)", WRITTEN, re.MULTILINE))
    assert mentioned
    assert mentioned <= make_targets()


def test_continuous_integration_runs_what_people_run() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("\nmake test")


def test_torch_is_asked_for_alike_everywhere() -> None:
    (line,) = re.findall(r"^TORCH := (.*)$", MAKEFILE, re.MULTILINE)
    assert line in PROJECT["project"]["optional-dependencies"]["train"]


def test_serving_does_without_training_libraries() -> None:
    serving = names(PROJECT["project"]["dependencies"])
    heavy = names(PROJECT["project"]["optional-dependencies"]["train"])
    assert {"torch", "transformers", "optimum"} <= heavy
    assert not serving & heavy


def test_every_direct_dependency_has_its_notice() -> None:
    text = (REPOSITORY / "THIRD_PARTY.md").read_text()
    noted = [name.lower() for name in re.findall(r"^\| ([\w-]+) \|", text, re.MULTILINE)]
    listed = [name for name in noted if name != "package"]
    assert len(listed) == len(set(listed))
    assert set(listed) == declared()


# Where the name that is imported is not the one that is installed.
_DISTRIBUTION = {
    "Stemmer": "pystemmer",
    "opentelemetry": "opentelemetry-sdk",
    "uvloop": "uvicorn",  # its `standard` extra brings it
}


def test_every_import_is_a_declared_dependency() -> None:
    ours = {*ROOMS, "gradus"}
    undeclared = set()
    for path in repository_files():
        if path.suffix != ".py":
            continue
        # Scripts of benchmarks/ import what lies beside them.
        beside = (
            {one.stem for one in path.parent.glob("*.py")} if "benchmarks" in path.parts else ()
        )
        for module in _imported(ast.parse(path.read_text())):
            if module in beside:
                continue
            name = _DISTRIBUTION.get(module, module.replace("_", "-")).lower()
            if module not in ours | sys.stdlib_module_names and name not in declared():
                undeclared.add((path.name, module))
    assert not undeclared


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text())
    inside = [link.partition("#")[0] for link in links if "://" not in link]
    missing = [link for link in inside if link and not (document.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_named_in_documents_exist(document: Path) -> None:
    quoted = re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", document.read_text())
    ours = [path for path in quoted if path.partition("/")[0] in FOLDERS and "/" in path]
    missing = [path for path in ours if not (REPOSITORY / path).exists()]
    assert not missing


def test_no_file_is_large() -> None:
    sizes = {path: path.stat().st_size for path in repository_files()}
    assert {path: size for path, size in sizes.items() if size > MOST_BYTES} == {}


def test_no_module_is_long() -> None:
    code = [
        REPOSITORY / "gradus.py",
        *(p for room in ROOMS for p in (REPOSITORY / room).rglob("*.py")),
    ]
    lengths = {path: len(path.read_text().splitlines()) for path in code}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


@pytest.mark.slow
def test_every_recipe_setting_is_documented() -> None:
    from training.recipe import Recipe

    assert _documented_settings() == dict(_settings(Recipe()))


def _settings(group: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and defaults as a reader of the document sees them."""
    for part in fields(group):
        value = getattr(group, part.name)
        if is_dataclass(value):
            yield from _settings(value, f"{prefix}{part.name}.")
        else:
            yield f"{prefix}{part.name}", str(value).lower() if value is not None else ""


def _documented_settings() -> dict[str, str]:
    """Rows of the tables of docs/training.md that are headed `setting`, `STAGE` spelt out."""
    text = (REPOSITORY / "docs" / "training.md").read_text()
    found: dict[str, str] = {}
    for before, table in re.findall(r"([^\n]*)\n\n\| setting .*\n\|[-|]+\n((?:\|.*\n)+)", text):
        stages = [
            name
            for name in ("bag", "pretrain", "supcon", "refine", "distil")
            if f"`{name}`" in before
        ]
        for row in table.splitlines():
            name, default = (cell.strip(" `") for cell in row.strip("|").split("|")[:2])
            spelt = (
                [name.replace("STAGE", stage) for stage in stages] if "STAGE" in name else [name]
            )
            assert not found.keys() & set(spelt), "a setting is documented twice"
            found |= dict.fromkeys(spelt, default)
    return found

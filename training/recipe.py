"""A training recipe: every choice of a run, read from TOML, checked, and saved with the result."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from catalog.errors import TrainingError
from training.losses.circle import CircleSettings
from training.ranges import check_ranges
from training.settings import (
    AugmentSettings,
    DistilSettings,
    GradedStageSettings,
    InstanceSettings,
    MineSettings,
    NetworkSettings,
    PretrainSettings,
    SupconSettings,
    TextSettings,
)
from training.toml_file import read_toml

RECIPES = Path(__file__).parent / "recipes"
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Recipe:
    """Every choice of a training run."""

    name: str = "custom"
    seed: int = 7
    dev_fraction: float = 0.2
    network: NetworkSettings = field(default_factory=NetworkSettings)
    text: TextSettings = field(default_factory=TextSettings)
    bag: PretrainSettings = field(default_factory=PretrainSettings)
    pretrain: PretrainSettings = field(default_factory=PretrainSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    instances: InstanceSettings = field(default_factory=InstanceSettings)
    supcon: SupconSettings = field(default_factory=SupconSettings)
    mine: MineSettings = field(default_factory=MineSettings)
    refine: GradedStageSettings = field(default_factory=GradedStageSettings)
    circle: CircleSettings = field(default_factory=CircleSettings)
    distil: DistilSettings = field(default_factory=DistilSettings)

    def record(self) -> dict[str, Any]:
        """The effective configuration as JSON-safe values."""
        return asdict(self)


def recipe_names() -> list[str]:
    """The recipes that ship with Gradus."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name_or_path: str, changes: Mapping[str, str] | None = None) -> Recipe:
    """Read a shipped recipe by name or a TOML file by path; `changes` are `section.key` → text.

    Raises:
        TrainingError: no such recipe, an unknown key, a value of the wrong type or out of range.

    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES / f"{name_or_path}.toml"
    if not path.is_file():
        raise TrainingError(
            "there is no such recipe",
            where=name_or_path,
            expected=f"a path ending in .toml, or one of {', '.join(recipe_names())}",
        )
    body = read_toml(path, "the recipe")
    body.setdefault("name", path.stem)
    for key, text in (changes or {}).items():
        _set(body, key, text)
    given = "".join(f" --set {key}={text}" for key, text in (changes or {}).items())
    recipe = _build(Recipe, body, f"{path}{given}")
    check_ranges(recipe, str(path))
    return recipe


def _set(body: dict[str, Any], key: str, text: str) -> None:
    *sections, last = key.split(".")
    for section in sections:
        body = body.setdefault(section, {})
        if not isinstance(body, dict):
            raise TrainingError(f"`{section}` is no section", where=f"--set {key}={text}")
    try:
        body[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        body[last] = text


def _build(kind: type[Settings], body: Mapping[str, Any], where: str) -> Settings:
    hints = get_type_hints(kind)
    names = [part.name for part in fields(kind)]  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in body.items():
        if key not in names:
            raise TrainingError(
                f"unknown setting `{key}`", where=where, expected=f"one of {', '.join(names)}"
            )
        expected = hints[key]
        if is_dataclass(expected) and isinstance(expected, type):
            if not isinstance(value, Mapping):
                raise TrainingError(f"`{key}` must be a table", where=where, found=repr(value))
            values[key] = _build(expected, value, f"{where} [{key}]")
        else:
            values[key] = _typed(value, expected, f"{where}: {key}")
    return kind(**values)


def _typed(value: Any, expected: type, where: str) -> Any:
    if get_origin(expected) is tuple:
        if not isinstance(value, list | tuple):
            raise TrainingError(
                "wrong type of value", where=where, expected="a list", found=repr(value)
            )
        return tuple(_typed(one, get_args(expected)[0], where) for one in value)
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not expected:
        raise TrainingError(
            "wrong type of value", where=where, expected=expected.__name__, found=repr(value)
        )
    return value

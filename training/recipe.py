"""A training recipe: every choice of a run, read from TOML, checked, and saved with the result."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from catalog.errors import TrainingError
from training.losses.circle import CircleSettings
from training.ranges import check_ranges

RECIPES = Path(__file__).parent / "recipes"
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class NetworkSettings:
    """The encoder. With `base_model` (hub id or path) the shape fields are taken from it.

    `layers = 0` is a bag of subwords: a learned weighted mean of token vectors.
    """

    base_model: str = ""
    layers: int = 2
    width: int = 256
    heads: int = 4
    vocabulary: int = 20_000
    dim: int = 256
    pooling: str = "weighted"
    dropout: float = 0.1


@dataclass(frozen=True)
class TextSettings:
    """What of a product and a query the encoder reads; see `catalog.template`."""

    max_query_tokens: int = 32
    max_item_tokens: int = 96
    category_levels: int = 2
    description_words: int = 40
    query_prefix: str = ""
    item_prefix: str = ""


@dataclass(frozen=True)
class StageSettings:
    """One stage of optimisation; `steps = 0` leaves the stage out. `batch` counts queries.

    Heads and token weights learn `head_rate` times as fast as the backbone. With `average` above 0
    the stage ends with a moving average of its weights, of that decay a step.
    """

    steps: int = 0
    batch: int = 256
    learning_rate: float = 1e-3
    warmup: float = 0.05
    temperature: float = 0.05
    learn_temperature: bool = True
    bf16: bool = False
    clip: float = 1.0
    head_rate: float = 1.0
    average: float = 0.0


@dataclass(frozen=True)
class PretrainSettings(StageSettings):
    """Stage 0: query-like spans of titles, and real queries with a BM25 teacher.

    `rest_share` of the span pairs hide the span from the product's text, so that meaning has to
    stand in for the missing words; `teacher_share` of each batch are queries without judgments,
    paired with one of the `teacher_depth` products that BM25 finds for them. `misspelt_share` of
    the span texts have one slip in them.
    """

    rest_share: float = 0.5
    teacher_share: float = 0.3
    teacher_depth: int = 8
    misspelt_share: float = 0.0


@dataclass(frozen=True)
class GradedStageSettings(StageSettings):
    """Stages 1 and 2; `stay` is the weight of keeping texts' vectors where the stage found them."""

    stay: float = 0.0


@dataclass(frozen=True)
class SupconSettings(GradedStageSettings):
    """Stage 1. `loss` other than `supcon` makes it a rival; `margin` is the triplets'."""

    loss: str = "supcon"
    margin: float = 0.1


@dataclass(frozen=True)
class InstanceSettings:
    """How judgments become instances (query; items with grades).

    At most `items` items each; `assumed` uniformly drawn products join as grade 0 (provenance
    `assumed`), which also gives queries of a single grade a signal.
    """

    items: int = 32
    assumed: int = 8


@dataclass(frozen=True)
class MineSettings:
    """Hard samples from the top `depth` of the stage-1 encoder; `depth = 0` leaves mining out.

    Each of `rounds` mines with the encoder so far and refines it. Without `originals` stage 2 sees
    hard samples alone, which is an ablation: it forgets.
    """

    depth: int = 100
    rounds: int = 1
    originals: bool = True


@dataclass(frozen=True)
class AugmentSettings:
    """`misspelt_share` of the graded queries join once more with one slip (the paper: .3 to .5)."""

    misspelt_share: float = 0.0


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
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"the recipe cannot be read: {error.strerror}", where=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"the recipe is not valid TOML: {error}", where=path) from error
    body.setdefault("name", path.stem)
    for key, text in (changes or {}).items():
        _set(body, key, text)
    recipe = _build(Recipe, body, str(path))
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
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not expected:
        raise TrainingError(
            "wrong type of value", where=where, expected=expected.__name__, found=repr(value)
        )
    return value

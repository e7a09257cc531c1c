"""What `gradus ablate` is told: data, recipe, seeds, arms and the rates that arms may try."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.errors import TrainingError
from training.ablation.arms import ARMS, Arm, Rates
from training.corpus import CorpusFiles
from training.recipe import Recipe, load_recipe
from training.toml_file import read_toml

_KEYS = {
    "recipe": str, "set": dict, "seeds": list, "arms": list, "learning_rates": list,
    "two_stage_rates": list, "gammas": list, "judge": str,
    "products": list, "qrels": list, "extra_qrels": list, "queries": list, "layout": str,
    "tests": dict,
}  # fmt: skip
_NEEDED = ("products", "qrels", "tests")


@dataclass(frozen=True)
class AblationConfig:
    """The data, one recipe, and what is varied over it.

    `tests` maps a name to a file of judgments that nothing was chosen on. An arm tries its rates on
    the dev split with the first of `seeds`, the best is then used with all: `one_stage` for arms of
    one stage, `two_stage` for the others, equally many, since tuning is worth something, too.
    `judge` grades mined pairs and synthetic queries.
    """

    files: CorpusFiles
    tests: dict[str, Path]
    recipe: Recipe
    seeds: tuple[int, ...] = (1, 2, 3)
    arms: tuple[str, ...] = tuple(ARMS)
    one_stage: tuple[Rates, ...] = ()
    two_stage: tuple[Rates, ...] = ()
    changes: dict[str, str] = field(default_factory=dict)
    judge: Path | None = None

    def rates(self, arm: Arm) -> tuple[Rates, ...]:
        """What `arm` tries."""
        return self.two_stage if arm.stages == "both" else self.one_stage


def read_config(path: Path) -> AblationConfig:
    """Read the TOML file; relative paths in it are relative to where the command is run.

    Raises:
        TrainingError: no such file, no TOML, an unknown or missing key, or an impossible value.

    """
    body = _body(path)
    changes = {key: _text(value) for key, value in body.get("set", {}).items()}
    recipe = load_recipe(body.get("recipe", "demo"), changes)
    arms = tuple(body.get("arms", ARMS))
    seeds = tuple(body.get("seeds", (1, 2, 3)))
    one_stage, two_stage = _rates(path, body, recipe)
    tests = {name: Path(file) for name, file in body["tests"].items()}
    for holds, what, found in (
        (set(arms) <= set(ARMS) and arms, f"arms among {', '.join(ARMS)}", arms),
        (seeds and all(type(seed) is int and seed >= 0 for seed in seeds), "whole seeds", seeds),
        (len(one_stage) == len(two_stage), "as many two_stage_rates as learning_rates, each of the "
         "former counted once for every gamma", f"{len(two_stage)} and {len(one_stage)}"),
        ("judge" in body or not recipe.augment.synthetic_share, "a judge, for synthetic queries",
         f"augment.synthetic_share = {recipe.augment.synthetic_share}"),
        (tests, "one test file or more under [tests]", tests),
        (recipe.supcon.steps and recipe.refine.steps, "a recipe with supcon and refine steps", 0),
        (len(one_stage) < 2 or recipe.dev_fraction > 0, "dev_fraction above 0, to choose a rate by",
         recipe.dev_fraction),
    ):  # fmt: skip
        if not holds:
            raise TrainingError(
                "the ablation cannot run like this", where=path, expected=what, found=str(found)
            )
    files = CorpusFiles(
        products=[Path(file) for file in body["products"]],
        qrels=[Path(file) for file in body["qrels"]],
        extra_qrels=[Path(file) for file in body.get("extra_qrels", ())],
        queries=[Path(file) for file in body.get("queries", ())],
        held_out=list(tests.values()),  # a test query that is trained on ends the run
        layout=body.get("layout"),
    )
    judge = Path(body["judge"]) if "judge" in body else None
    return AblationConfig(files, tests, recipe, seeds, arms, one_stage, two_stage, changes, judge)


def _rates(
    path: Path, body: dict[str, Any], recipe: Recipe
) -> tuple[tuple[Rates, ...], tuple[Rates, ...]]:
    """The trials of arms with one stage and with two; the recipe's own values unless given.

    Those of two stages are a grid: every pair of rates with every γ.
    """
    first, second = recipe.supcon.learning_rate, recipe.refine.learning_rate
    singles = body.get("learning_rates", [first])
    pairs = body.get("two_stage_rates")
    if pairs is None:  # the second stage keeps its proportion to the first
        pairs = [[rate, rate * second / first] for rate in singles if _positive(rate)]
    gammas = body.get("gammas", [])
    if not all(map(_positive, [*singles, *gammas])) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(map(_positive, pair)) for pair in pairs
    ):
        raise TrainingError(
            "the ablation cannot run like this", where=path, expected="learning rates and gammas "
            "above 0, two_stage_rates as pairs of rates", found=f"{singles}, {gammas}, {pairs}",
        )  # fmt: skip
    grid = [(*pair, gamma) for pair in pairs for gamma in gammas or [None]]
    return tuple(Rates(float(rate)) for rate in singles), tuple(
        Rates(float(one), float(two), None if gamma is None else float(gamma))
        for one, two, gamma in grid
    )


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _body(path: Path) -> dict[str, Any]:
    body = read_toml(path, "the configuration")
    for key, value in body.items():
        if key not in _KEYS:
            raise TrainingError(
                f"unknown key `{key}`", where=path, expected=f"one of {', '.join(_KEYS)}"
            )
        if not isinstance(value, _KEYS[key]):
            raise TrainingError(
                f"wrong type of `{key}`",
                where=path, expected=_KEYS[key].__name__, found=repr(value),
            )  # fmt: skip
    if missing := [key for key in _NEEDED if key not in body]:
        raise TrainingError(f"`{missing[0]}` is missing", where=path)
    return body


def _text(value: object) -> str:
    """A TOML value as `--set` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)

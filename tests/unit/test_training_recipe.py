"""Recipes: the shipped ones load, a wrong one says what is wrong and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.errors import TrainingError
from training.ranges import RANGES
from training.recipe import Recipe, load_recipe, recipe_names


@pytest.fixture
def recipe_file(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("name", ["bag", "demo", "esci", "pretrained", "transformer"])
def test_shipped_recipes_load(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.supcon.steps > 0 < recipe.refine.steps
    assert recipe.mine.depth in range(100, 201)  # arXiv:2602.17654
    assert bool(recipe.network.base_model) == (name == "pretrained")


def test_the_names_are_the_files():
    assert {"bag", "demo", "esci", "pretrained", "transformer"} <= set(recipe_names())


def test_a_file_changes_the_defaults_it_names(recipe_file):
    recipe = load_recipe(recipe_file("seed = 3\n[supcon]\nsteps = 5\nlearning_rate = 1\n"))
    assert (recipe.name, recipe.seed, recipe.supcon.steps) == ("mine", 3, 5)
    assert recipe.supcon.learning_rate == 1.0
    assert isinstance(recipe.supcon.learning_rate, float)
    assert recipe.refine == Recipe().refine


def test_record_round_trips(recipe_file):
    recipe = load_recipe("demo", {"seed": "11", "circle.gamma": "64"})
    record = json.loads(json.dumps(recipe.record()))
    lines = [f"{key} = {json.dumps(record[key])}" for key in ("name", "seed", "dev_fraction")]
    for section, body in record.items():
        if isinstance(body, dict):
            lines += [f"[{section}]", *(f"{k} = {json.dumps(v)}" for k, v in body.items())]
    assert load_recipe(recipe_file("\n".join(lines))) == recipe


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("supcon.steps", "3", 3),
        ("supcon.learning_rate", "2e-4", 2e-4),
        ("supcon.bf16", "true", True),
        ("network.pooling", "mean", "mean"),
        ("network.base_model", '"5"', "5"),
        ("network.matryoshka", "[64, 128]", (64, 128)),
        ("text.query_prefix", '"query: "', "query: "),
        ("seed", "12", 12),
    ],
)
def test_set_changes_one_setting(key, text, value):
    recipe = load_recipe("demo", {key: text})
    found = recipe
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


WRONG = {
    "unknown key": ("speed = 3", "unknown setting `speed`", ""),
    "unknown key in a section": ("[supcon]\nstep = 3", "unknown setting `step`", "[supcon]"),
    "unknown section": ("[destil]\nsteps = 3", "unknown setting `destil`", ""),
    "a value for a section": ("network = 3", "`network` must be a table", ""),
    "text for a number": ('[bag]\nsteps = "many"', "wrong type", "[bag]: steps"),
    "a fraction for a whole number": ("seed = 1.5", "wrong type", "seed"),
    "a switch for a number": ("[bag]\nlearning_rate = true", "wrong type", "learning_rate"),
    "a number for a switch": ("[bag]\nbf16 = 1", "wrong type", "bf16"),
    "no TOML": ("seed = = 3", "not valid TOML", ""),
    "negative seed": ("seed = -1", "`seed` is out of range", ""),
    "all queries for dev": ("dev_fraction = 1.0", "`dev_fraction` is out of range", ""),
    "no batch": ("[refine]\nbatch = 0", "`refine.batch` is out of range", ""),
    "no heads": ("[network]\nheads = 0", "`network.heads` is out of range", ""),
    "NaN": ("[bag]\nlearning_rate = nan", "`bag.learning_rate` is out of range", ""),
    "infinite": ("[bag]\nlearning_rate = inf", "`bag.learning_rate` is out of range", ""),
    "frozen": ("[supcon]\ntemperature = 0.0", "`supcon.temperature` is out of range", ""),
    "unknown pooling": ('[network]\npooling = "max"', "do not fit", ""),
    "heads that do not divide": ("[network]\nheads = 3", "do not fit", ""),
    "a number for a list": ("[network]\nmatryoshka = 64", "wrong type", "matryoshka"),
    "texts for numbers": ('[network]\nmatryoshka = ["a"]', "wrong type", "matryoshka"),
    "a beginning as long as the whole": ("[network]\nmatryoshka = [256]", "do not fit", ""),
    "vectors wider than the network": ("[network]\ndim = 300", "do not fit", ""),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_recipe_is_refused(wrong, recipe_file):
    text, what, where = wrong
    path = recipe_file(text)
    with pytest.raises(TrainingError) as raised:
        load_recipe(path)
    assert what in raised.value.what
    assert raised.value.where.startswith(path)
    assert where in raised.value.where
    assert "\n" not in str(raised.value)


def test_wide_vectors_are_for_the_backbone_to_judge(recipe_file):
    path = recipe_file('[network]\nbase_model = "some/encoder"\ndim = 768')
    assert load_recipe(path).network.dim == 768


@pytest.mark.parametrize(("key", "low", "high"), RANGES, ids=[key for key, _, _ in RANGES])
def test_every_range_is_of_a_setting_and_holds_its_default(key, low, high):
    value = Recipe()
    for part in key.split("."):
        value = getattr(value, part)
    assert low <= value <= high


@pytest.mark.parametrize("name", ["nonesuch", "nonesuch.toml", ""])
def test_a_missing_recipe_names_those_there_are(name):
    with pytest.raises(TrainingError, match="no such recipe") as raised:
        load_recipe(name)
    assert raised.value.where == name
    assert "bag, demo, esci, pretrained, transformer" in raised.value.expected


def test_a_recipe_that_is_not_text(tmp_path):
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match="not valid TOML"):
        load_recipe(str(path))


def test_a_recipe_that_cannot_be_read(monkeypatch, recipe_file):
    path = recipe_file("seed = 1")

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(TrainingError, match="Permission denied"):
        load_recipe(path)


@pytest.mark.parametrize("key", ["seed.more", "network.layers.more", "speed", "bag.speed", ".x"])
def test_set_of_nothing_there_is_refused(key):
    with pytest.raises(TrainingError) as raised:
        load_recipe("demo", {"seed": "7", key: "1"})
    assert raised.value.where

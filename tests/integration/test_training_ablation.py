"""The ablation on a tiny shop: every arm, what it writes, and that it goes on after a stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from catalog.demo import QueryCounts, generate, write
from catalog.errors import JudgmentError, TrainingError
from catalog.readers import read_judgments
from catalog.text import normalise
from training.ablation.arms import ARMS, Rates, recipe_of
from training.ablation.cli import app
from training.ablation.config import read_config
from training.recipe import load_recipe

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread_and_no_hub")]

RECIPE = """
dev_fraction = 0.3
[network]
layers = 1
width = 16
heads = 2
vocabulary = 300
dim = 16
[text]
max_query_tokens = 8
max_item_tokens = 12
description_words = 2
[bag]
steps = 3
batch = 16
[instances]
items = 6
assumed = 2
[supcon]
steps = 3
batch = 4
learning_rate = 1e-3
[mine]
depth = 20
[refine]
steps = 2
batch = 4
learning_rate = 5e-4
"""
# What the recipe below leads to: the second stage keeps its proportion to the first.
TRIED = {False: ("0.001", "0.003"), True: ("0.001+0.0005", "0.003+0.0015")}
SHORT = ("cosent", "circle-only", "mined-only", "two-towers", "full")  # of eight, for time's sake


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ablation")
    write(generate(5, 80, counts=QueryCounts(20, 5, 10)), out)
    (out / "tiny.toml").write_text(RECIPE)
    return out


def config(shop: Path, **changes: str) -> Path:
    lines = {
        "recipe": f'"{shop}/tiny.toml"',
        "products": f'["{shop}/products.jsonl"]',
        "qrels": f'["{shop}/qrels_train.tsv"]',
        "seeds": "[1, 2]",
        "learning_rates": "[1e-3, 3e-3]",
        "arms": f"{list(SHORT)}".replace("'", '"'),
        **changes,
    }
    body = "".join(f"{key} = {value}\n" for key, value in lines.items() if value)
    path = shop / "ablation.toml"
    path.write_text(body + f'[tests]\nunseen = "{shop}/qrels_test.tsv"\n')
    return path


def run(path: Path, out: Path):
    result = CliRunner().invoke(app, [str(path), "--out", str(out), "--threads", "1"])
    if result.exception is not None:
        raise result.exception
    return result


def test_arms_are_trained_measured_and_told(shop: Path, tmp_path: Path) -> None:
    first = run(config(shop), tmp_path)
    assert first.stderr.count("run full-") == 3, "two rates on one seed, the better on the other"
    body = json.loads((tmp_path / "ablation.json").read_text())
    arms = body["tests"]["unseen"]["arms"]
    assert set(arms) == {"base", *SHORT}
    assert not any(arms["base"]["relative"].values())
    for name in SHORT:
        assert set(arms[name]["by_seed"]) == {"1", "2"}
        assert arms[name]["rate"] in TRIED[ARMS[name].stages == "both"]
    assert set(body["trials"]) == set(SHORT)
    for name in SHORT:
        tried = body["trials"][name]
        assert tuple(one["name"] for one in tried) == TRIED[ARMS[name].stages == "both"]
        best = max(tried, key=lambda one: one["dev_ndcg@10"])
        assert best["name"] == arms[name]["rate"]
        gammas = {one["gamma"] for one in tried}
        assert gammas == ({None} if ARMS[name].stages == "first" else {32.0})
    assert body["judge"] is None
    full, rival = arms["full"], arms["cosent"]
    assert rival["full_minus"]["mean"] == pytest.approx(
        full["mean"]["ndcg@10"]["mean"] - rival["mean"]["ndcg@10"]["mean"]
    )
    assert full["mean"]["ndcg@10"]["mean"] == pytest.approx(
        np.mean(list(full["by_seed"].values())), abs=1e-4
    )
    table = (tmp_path / "unseen.md").read_text()
    assert all(f"({ARMS[name].letter})" in table for name in SHORT)
    assert (tmp_path / "unseen.png").read_bytes().startswith(b"\x89PNG")

    (one,) = tmp_path.glob("runs/*/full-2-*.json")
    one.unlink()
    again = run(config(shop), tmp_path)
    assert [line for line in again.stderr.splitlines() if line.startswith("run ")] == [
        f"run {one.stem}"
    ]
    assert json.loads((tmp_path / "ablation.json").read_text()) == body, "the same seed, the same"


def test_arms_make_equally_many_steps() -> None:
    recipe = load_recipe("demo")
    total = recipe.supcon.steps + recipe.refine.steps
    for arm in ARMS.values():
        changed = recipe_of(arm, recipe, Rates(1e-4, 2e-5 if arm.stages == "both" else None))
        assert changed.supcon.steps + changed.refine.steps == total
        assert changed.mine.originals == arm.originals
        last = changed.refine if changed.refine.steps else changed.supcon
        assert last.learning_rate == (2e-5 if arm.stages == "both" else 1e-4)


def test_arms_of_two_stages_take_pairs_of_rates_as_many_as_the_others(shop: Path) -> None:
    read = read_config(config(shop, two_stage_rates="[[1e-3, 1e-4], [1e-2, 1e-5]]"))
    assert read.rates(ARMS["full"]) == (Rates(1e-3, 1e-4), Rates(1e-2, 1e-5))
    assert read.rates(ARMS["circle-only"]) == (Rates(1e-3), Rates(3e-3))
    assert [one.name for one in read.two_stage] == ["0.001+0.0001", "0.01+1e-05"]
    with pytest.raises(TrainingError, match="as many two_stage_rates as learning_rates"):
        read_config(config(shop, two_stage_rates="[[1e-3, 1e-4]]"))


def test_gamma_is_tried_beside_the_rates_of_two_stages(shop: Path) -> None:
    rates = {"two_stage_rates": "[[1e-3, 1e-4]]", "gammas": "[32, 64.0]"}
    read = read_config(config(shop, **rates))
    assert read.rates(ARMS["full"]) == (Rates(1e-3, 1e-4, 32.0), Rates(1e-3, 1e-4, 64.0))
    assert read.rates(ARMS["supcon"]) == (Rates(1e-3), Rates(3e-3)), "as many trials"
    with pytest.raises(TrainingError, match="counted once for every gamma"):
        read_config(config(shop, **(rates | {"gammas": "[32]"})))


def test_a_judge_grades_mined_pairs_and_synthetic_queries(
    shop: Path, chat_endpoint: Any, tmp_path: Path
) -> None:
    judge = chat_endpoint.judge(tmp_path / "judge.toml")
    changes = {"learning_rates": "[1e-3]", "arms": '["supcon", "full"]', "judge": f'"{judge}"'}
    path = config(shop, **changes)
    path.write_text(
        path.read_text().replace("[tests]", '[set]\n"augment.synthetic_share" = 0.1\n[tests]')
    )
    said = run(path, tmp_path / "out").stderr
    body = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert body["judge"].startswith("llm:tiny:")
    assert said.count("synthetic queries: ") == 2, "once a seed, the same for every arm"
    record = json.loads(next((tmp_path / "out").glob("runs/*/full-1-*.json")).read_text())
    mine = record["stages"]["mine"]
    assert mine["judged"] == mine["retrieved"], "nothing is left without a grade"
    unseen = {normalise(one.query) for one in read_judgments(shop / "qrels_test.tsv")}
    assert not unseen & {normalise(query) for query, _ in chat_endpoint.asked}
    # Another judge, another place; and no judge that fell silent on the way.
    other = chat_endpoint.judge(tmp_path / "other.toml", model="other", max_requests=3)
    path.write_text(path.read_text().replace(str(judge), str(other)))
    with pytest.raises(TrainingError, match="max_requests = 3 are spent"):
        run(path, tmp_path / "out")
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arms": '["magic"]'}, "arms among"),
        ({"products": ""}, "`products` is missing"),
        ({"seeds": '["one"]'}, "whole seeds"),
        ({"learning_rates": "[0.0]"}, "above 0"),
        ({"two_stage_rates": "[[1e-3], 2.0]"}, "as pairs"),
        ({"gammas": "[0]"}, "gammas above 0"),
        ({"set": '{ "augment.synthetic_share" = 0.1 }'}, "a judge, for synthetic queries"),
        ({"colour": "1"}, "unknown key"),
        ({"qrels": '"one"'}, "wrong type"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(
    changes: dict[str, str], words: str, shop: Path
) -> None:
    with pytest.raises(TrainingError, match=words):
        read_config(config(shop, **changes))


def test_a_test_query_that_would_be_trained_on_ends_it(shop: Path, tmp_path: Path) -> None:
    leaked = config(shop, extra_qrels=f'["{shop}/qrels_test.tsv"]')
    with pytest.raises(JudgmentError, match="held-out queries"):
        run(leaked, tmp_path)

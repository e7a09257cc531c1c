"""A training with a language model as its judge: what it costs, and when its budget is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread_and_no_hub")]

RECIPE = """
dev_fraction = 0.2
[network]
layers = 0
width = 16
heads = 2
vocabulary = 400
dim = 16
[text]
max_item_tokens = 12
description_words = 0
[augment]
synthetic_share = 0.05
[bag]
steps = 1
batch = 8
[supcon]
steps = 1
batch = 4
[mine]
depth = 4
rounds = 2
[refine]
steps = 1
batch = 4
"""


def train(shop: Path, out: Path, judge: Path, **changes: str) -> list[str]:
    from training.corpus import CorpusFiles
    from training.job import run_job
    from training.recipe import load_recipe

    said: list[str] = []
    recipe = load_recipe(f"{shop}/tiny.toml", changes)
    files = CorpusFiles([shop / "products.jsonl"], [shop / "qrels_train.tsv"])
    run_job(recipe, files, out, threads=1, say=said.append, judge=judge)
    return said


def test_what_the_judge_has_cost_is_said_after_every_use(
    shop: Path, chat_endpoint: Any, tmp_path: Path
) -> None:
    said = train(shop, tmp_path / "out", chat_endpoint.judge(tmp_path / "judge.toml"))
    before = [said[at - 1].partition(":")[0] for at, line in enumerate(said) if "tokens;" in line]
    assert before[0] == "synthetic queries"
    assert len(before) == 3, "once for the made-up queries, and for each round of mining"
    last = [line for line in said if "tokens;" in line][-1]
    assert f"{len(chat_endpoint.asked):,} pairs answered" in last
    assert not any("asks no more" in line for line in said)


def test_a_spent_budget_is_said(shop: Path, chat_endpoint: Any, tmp_path: Path) -> None:
    judge = chat_endpoint.judge(tmp_path / "judge.toml", max_requests=7)
    said = train(shop, tmp_path / "out", judge)
    told = [line for line in said if "asks no more, max_requests = 7 are spent" in line]
    assert len(told) == 2, "five made-up queries were within it"
    # The plain run has nothing to make up, and says nothing of it.
    quiet = train(shop, tmp_path / "mined", judge, **{"augment.synthetic_share": "0"})
    assert sum("tokens;" in line for line in quiet) == 2

"""What stage 2 is worth when somebody grades every mined pair, and by gamma, on the made-up shop.

    python benchmarks/stage_two.py CONFIG --out FILE.json [--wrong 0.124]

CONFIG is one of `gradus ablate`; its shop is made up anew for its policy, which is the judge here:
it grades whatever mining retrieves, a share `--wrong` of it wrongly. All variants go on from one
stage 1 with the first seed. What is best is chosen on the dev queries, for which the policy grades
every product of the shop; the test queries are measured for the best of each judge, for stage 1,
and for stage 1 with the steps of both.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from transformers import set_seed

from catalog.artefact import read_manifest
from catalog.demo.policy import POLICIES, Intent, grade
from catalog.demo.shop import QueryCounts, generate
from catalog.measures import paired_bootstrap
from catalog.text import normalise
from training.ablation.arms import ARMS, Rates, recipe_of
from training.ablation.config import AblationConfig, read_config
from training.ablation.job import Ablation
from training.ablation.measuring import Measured, measure
from training.embed import embed_texts
from training.judge import Judge
from training.model import TwinEncoder
from training.recipe import Recipe
from training.run import Run

GAMMAS = (20.0, 32.0, 64.0, 80.0)
RATES = (3e-5, 1e-4, 3e-4)
FIRST_RATE = 1e-3


class PolicyJudge:
    """Grades by the policy of the shop, a share `wrong` of all pairs wrongly: always the same."""

    def __init__(
        self, intents: Mapping[str, Intent], corpus: Any, policy: str, wrong: float
    ) -> None:
        self.intents, self.products = intents, corpus.products
        self.policy, self.wrong = POLICIES[policy], wrong

    def grade(self, pairs: Sequence[tuple[str, int]]) -> list[int | None]:
        return [self._one(query, row) for query, row in pairs]

    def _one(self, query: str, row: int) -> int | None:
        intent = self.intents.get(normalise(query))
        if intent is None:
            return None
        right = int(grade(intent, self.products[row], self.policy))
        draw = random.Random(f"{query}\t{row}")
        others = [other for other in (0, 1, 2) if other != right]
        return draw.choice(others) if draw.random() < self.wrong else right


def intents_of(config: AblationConfig) -> tuple[dict[str, Intent], str]:
    """What the shop's queries mean, by their texts, and the name of its policy."""
    said = read_manifest(config.files.products[0].parent, "demo-data").config
    shop = generate(
        said["seed"],
        said["products"],
        counts=QueryCounts(**said["queries"]),
        policy=said["policy"],
    )
    return {normalise(query.text): query.intent for query in shop.queries}, said["policy"]


def whole(corpus: Any, judge: PolicyJudge) -> dict[str, dict[int, int]]:
    """Every product that matters to a dev query; all others are irrelevant."""
    rows = range(len(corpus.products))
    graded = {
        query: dict(zip(rows, judge.grade([(query, row) for row in rows]), strict=True))
        for query in corpus.dev
    }
    # A few of grade 0 stay, for the margins.
    return {
        query: {row: g for row, g in grades.items() if g or row % 100 == 0}
        for query, grades in graded.items()
    }


class Study:
    def __init__(self, ablation: Ablation, seed: int, dev: Mapping[str, Mapping[int, int]]) -> None:
        self.ablation, self.seed, self.dev = ablation, seed, dev
        self.base, self.tokenizer = ablation._base(seed)

    def taught(
        self, recipe: Recipe, judges: dict[str, Judge], start: TwinEncoder, name: str
    ) -> tuple[TwinEncoder, dict[str, Measured], dict[str, Any] | None]:
        """What `start` becomes by the stages of `recipe`, its measures, what was mined."""
        tokenizer = self.tokenizer
        corpus = replace(self.ablation.corpus, dev={})
        work = self.ablation.directory / f".{name}"
        shutil.rmtree(work, ignore_errors=True)  # or it would go on where another one ended
        run = Run(recipe, corpus, work, print, judges)
        run.tokenizer = tokenizer
        set_seed(self.seed)
        encoder = run.learn_grades(copy.deepcopy(start))
        items = embed_texts(encoder, tokenizer, corpus.items, "item")
        found = {"dev": measure(encoder, tokenizer, items, self.dev)}
        for test, graded in self.ablation.tests.items():
            found[test] = measure(encoder, tokenizer, items, graded)
        return encoder, found, run.reports.get("mine")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("config", type=Path)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--work", type=Path, default=Path("artifacts/ablation/stage_two"))
    arguments.add_argument("--wrong", type=float, default=0.124)
    asked = arguments.parse_args()
    config = read_config(asked.config)
    intents, policy = intents_of(config)
    ablation = Ablation(config, asked.work, print)
    corpus, seed = ablation.corpus, config.seeds[0]
    if not all(normalise(query) in intents for query in [*corpus.train, *corpus.dev]):
        raise SystemExit("the shop made up anew has other queries: make its data again")
    judge = PolicyJudge(intents, corpus, policy, asked.wrong)
    study = Study(ablation, seed, whole(corpus, PolicyJudge(intents, corpus, policy, 0.0)))
    base, whole_recipe = study.base, replace(config.recipe, seed=seed)
    first = recipe_of(ARMS["full"], whole_recipe, Rates(FIRST_RATE, RATES[0]))
    one, of_one, _ = study.taught(
        replace(first, refine=replace(first.refine, steps=0)), {}, base, "1"
    )
    longer = recipe_of(ARMS["supcon"], whole_recipe, Rates(FIRST_RATE))
    _, of_longer, _ = study.taught(longer, {}, base, "d")
    report: dict[str, Any] = {
        "config": asked.config.name,
        "seed": study.seed,
        "judge_wrong": asked.wrong,
        "stage_1": dev_of(of_one),
        "supcon_all_steps": dev_of(of_longer),
        "trials": [],
    }
    best: dict[str, tuple[float, dict[str, Any]]] = {}
    for name, judges in (("labels", {}), ("policy", {"policy": judge})):
        for rate in RATES:
            for gamma in GAMMAS:
                recipe = replace(
                    first,
                    supcon=replace(first.supcon, steps=0),
                    refine=replace(first.refine, learning_rate=rate),
                    circle=replace(first.circle, gamma=gamma),
                )
                _, found, mined = study.taught(recipe, judges, one, "2")
                dev = dev_of(found)
                report["trials"].append(
                    {"judge": name, "rate": rate, "gamma": gamma, "dev": dev, "mined": mined}
                )
                print(name, rate, gamma, dev, flush=True)
                if name not in best or dev > best[name][0]:
                    best[name] = dev, found
    report["tests"] = {
        test: {
            name: against(found[test].values, of_longer[test].values, of_one[test].values)
            for name, (_, found) in best.items()
        }
        | {"supcon_all_steps": float(of_longer[test].values["ndcg@10"].mean())}
        | {"stage_1": float(of_one[test].values["ndcg@10"].mean())}
        for test in ablation.tests
    }
    print(json.dumps(report["tests"], indent=1))
    asked.out.write_text(json.dumps(report, indent=1) + "\n")


def dev_of(found: Mapping[str, Any]) -> float:
    return round(float(found["dev"].values["ndcg@10"].mean()), 5)


def against(values: Mapping[str, Any], longer: Mapping[str, Any], one: Mapping[str, Any]) -> dict:
    """Means, and paired differences to stage 1 with all steps and to where stage 2 began."""
    return {
        "ndcg@10": float(values["ndcg@10"].mean()),
        "ndcg@100": float(values["ndcg@100"].mean()),
        "avg_margin": float(np.nanmean(values["avg_margin"])),
        "worst_margin": float(np.nanmean(values["worst_margin"])),
        "to_supcon_all_steps": asdict(paired_bootstrap(values["ndcg@10"], longer["ndcg@10"])),
        "to_stage_1": asdict(paired_bootstrap(values["ndcg@10"], one["ndcg@10"])),
    }


if __name__ == "__main__":
    main()

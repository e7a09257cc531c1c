"""`gradus ablate`: one base a seed, every arm from it, measured alike, resumable run by run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast, set_seed

from catalog.errors import TrainingError
from training.ablation.arms import ARMS, Arm, Rates, recipe_of
from training.ablation.config import AblationConfig
from training.ablation.inputs import corpus_of, graded_of, key_of
from training.ablation.measuring import measure
from training.ablation.towers import TwoTowers
from training.augment.apply import augmented
from training.base import Base
from training.corpus import Corpus
from training.embed import embed_texts
from training.judges.opening import OpenJudge, judge_source
from training.judges.unseen import opened_unseen
from training.model import TwinEncoder
from training.recipe import Recipe
from training.run import Run
from training.tokenizer import pretrained_tokenizer

Say = Callable[[str], None]
Record = dict[str, Any]
BASE = "base"
_TOLD = ("seconds", "loss", "dev", "retrieved", "judged", "hard_negatives", "hard_positives")


class Ablation:
    """The runs of one configuration below `out`; those already there are not run again."""

    def __init__(self, config: AblationConfig, out: Path, say: Say) -> None:
        self.config, self.say = config, say
        base = Base.of(config.recipe.network.base_model)
        self.corpus = corpus_of(config, base)
        self.titles = [product.title for product in self.corpus.products]
        self.tests = {name: graded_of(path, self.corpus) for name, path in config.tests.items()}
        self.source = judge_source(config.judge) if config.judge else ""
        self.directory = out / "runs" / key_of(config, base, self.source)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._judge: OpenJudge | None = None
        self._grown: dict[int, Corpus] = {}

    def run(self) -> dict[str, dict[int, Record]]:
        """Arm (and `base`) → seed → record of that run."""
        config, corpus = self.config, self.corpus
        with opened_unseen(
            config.judge, corpus.products, corpus.dev, config.files.held_out
        ) as self._judge:
            rates = {name: self._tuned(ARMS[name]) for name in config.arms}
            records: dict[str, dict[int, Record]] = {BASE: {}, **{name: {} for name in rates}}
            for seed in config.seeds:
                records[BASE][seed] = self._kept(f"{BASE}-{seed}", partial(self._base_record, seed))
                for name, chosen in rates.items():
                    records[name][seed] = self._trained(ARMS[name], seed, chosen)
        return records

    def trials(self) -> dict[str, list[dict[str, Any]]]:
        """Arm → every trial of `run`: its rates, γ where circle loss is used, its dev nDCG@10."""
        return {name: [*self._tried(ARMS[name])] for name in self.config.arms}

    def _tried(self, arm: Arm) -> Iterator[dict[str, Any]]:
        for rates in self.config.rates(arm):
            record = self._trained(arm, self.config.seeds[0], rates)
            circle = recipe_of(arm, self.config.recipe, rates).circle
            yield {
                "name": rates.name,
                "first": rates.first,
                "second": rates.second,
                "gamma": None if arm.stages == "first" else circle.gamma,
                "dev_ndcg@10": record.get("dev", {}).get("ndcg@10"),
            }

    def _tuned(self, arm: Arm) -> Rates:
        """The rates with the best dev nDCG@10 on the first seed."""
        trials = self.config.rates(arm)
        if len(trials) == 1:
            return trials[0]
        seed = self.config.seeds[0]
        dev = {one: float(self._trained(arm, seed, one)["dev"]["ndcg@10"]) for one in trials}
        best = max(trials, key=lambda one: dev[one])
        tried = ", ".join(f"{one.name}: {value:.4f}" for one, value in dev.items())
        self.say(f"{arm.name}: learning rate {best.name} by dev nDCG@10 ({tried})")
        return best

    def _trained(self, arm: Arm, seed: int, rates: Rates) -> Record:
        name = f"{arm.name}-{seed}-{rates.name}"
        return self._kept(name, lambda: self._train(arm, seed, rates, name))

    def _train(self, arm: Arm, seed: int, rates: Rates, name: str) -> Record:
        recipe = recipe_of(arm, replace(self.config.recipe, seed=seed), rates)
        encoder, tokenizer = self._base(seed)
        if not arm.siamese:
            encoder = TwoTowers(encoder)
        work = self.directory / f".{name}"
        run = Run(recipe, self._taught(recipe), work, self.say, self._judge)
        run.tokenizer = tokenizer
        set_seed(seed)
        encoder = run.learn_grades(encoder)
        self._refuse_stopped()
        stages = {
            name: {key: report[key] for key in _TOLD if key in report}
            for name, report in run.reports.items()
        }
        record = {**self._measured(encoder, tokenizer), "rate": rates.name, "stages": stages}
        shutil.rmtree(work, ignore_errors=True)
        return record

    def _taught(self, recipe: Recipe) -> Corpus:
        """The same for every arm of a seed; dev queries are measured once, after the last stage."""
        if recipe.seed not in self._grown:
            grown = augmented(
                self.corpus,
                recipe,
                self._judge.judge if self._judge else None,
                self.say,
                judge_name=self.source,
                held_out={query for graded in self.tests.values() for query in graded},
            )
            self._refuse_stopped()
            self._grown[recipe.seed] = replace(grown, dev={})
        return self._grown[recipe.seed]

    def _refuse_stopped(self) -> None:
        """Arms that learned before and after a judge fell silent are not to be compared."""
        if self._judge and (reason := self._judge.stopped()):
            raise TrainingError(
                f"the judge asks no more: {reason}",
                where=str(self.config.judge),
                hint="Start again, with higher bounds if you like: runs and answers are kept.",
            )

    def _base(self, seed: int) -> tuple[TwinEncoder, PreTrainedTokenizerFast]:
        """The pre-trained encoder of a seed, trained at its first use."""
        place = self.directory / f"{BASE}-{seed}"
        if not (place / "whole").is_file():
            recipe = replace(self.config.recipe, seed=seed)
            run = Run(recipe, replace(self.corpus, dev={}), self.directory / f".{BASE}", self.say)
            encoder = run.pretrain().cpu().eval()
            shutil.rmtree(place, ignore_errors=True)
            encoder.save(place)
            run.tokenizer.save_pretrained(place)
            (place / "whole").write_text("")
            shutil.rmtree(run.work, ignore_errors=True)
        return TwinEncoder.load(place), pretrained_tokenizer(str(place))

    def _base_record(self, seed: int) -> Record:
        return self._measured(*self._base(seed))

    def _measured(self, encoder: TwinEncoder, tokenizer: PreTrainedTokenizerFast) -> Record:
        items = embed_texts(encoder, tokenizer, self.corpus.items, "item")
        record: Record = {
            "tests": {
                name: measure(encoder, tokenizer, items, self.titles, graded).record()
                for name, graded in self.tests.items()
            }
        }
        if self.corpus.dev:
            dev = measure(encoder, tokenizer, items, self.titles, self.corpus.dev).values
            record["dev"] = {"ndcg@10": round(float(dev["ndcg@10"].mean()), 5)}
        return record

    def _kept(self, name: str, make: Callable[[], Record]) -> Record:
        path = self.directory / f"{name}.json"
        if not path.is_file():
            self.say(f"run {name}")
            record = make()
            half = path.with_suffix(".half")
            half.write_text(json.dumps(record))
            half.replace(path)
        body: Record = json.loads(path.read_text())
        return body


def means(records: Mapping[int, Record], test: str) -> dict[str, list[float | None]]:
    """Per query, the mean over seeds of each value; null where a seed has none."""
    runs = [records[seed]["tests"][test]["values"] for seed in sorted(records)]
    return {
        name: [
            None if any(run[name][at] is None for run in runs)
            else sum(run[name][at] for run in runs) / len(runs)
            for at in range(len(runs[0][name]))
        ]
        for name in runs[0]
    }  # fmt: skip

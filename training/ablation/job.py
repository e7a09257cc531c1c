"""`gradus ablate`: one base a seed, every arm from it, measured alike, resumable run by run."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast, set_seed

from catalog.artefact import hash_file
from catalog.issues import Issues
from catalog.readers import read_judgments
from catalog.text import normalise
from training.ablation.arms import ARMS, Arm, Rates, recipe_of
from training.ablation.config import AblationConfig
from training.ablation.measuring import Graded, measure
from training.ablation.towers import TwoTowers
from training.augment.apply import augmented
from training.base import Base
from training.corpus import Corpus, read_corpus
from training.embed import embed_texts
from training.model import TwinEncoder
from training.network import text_template
from training.recipe import Recipe
from training.run import Run
from training.tokenizer import pretrained_tokenizer

Say = Callable[[str], None]
Record = dict[str, Any]
BASE = "base"


class Ablation:
    """The runs of one configuration below `out`; those already there are not run again."""

    def __init__(self, config: AblationConfig, out: Path, say: Say) -> None:
        self.config, self.say = config, say
        base = Base.of(config.recipe.network.base_model)
        self.corpus = _corpus(config, base)
        self.tests = {name: _graded(path, self.corpus) for name, path in config.tests.items()}
        self.directory = out / "runs" / _key(config, base)
        self.directory.mkdir(parents=True, exist_ok=True)

    def run(self) -> dict[str, dict[int, Record]]:
        """Arm (and `base`) → seed → record of that run."""
        rates = {name: self._tuned(ARMS[name]) for name in self.config.arms}
        records: dict[str, dict[int, Record]] = {BASE: {}, **{name: {} for name in rates}}
        for seed in self.config.seeds:
            records[BASE][seed] = self._kept(f"{BASE}-{seed}", partial(self._base_record, seed))
            for name, chosen in rates.items():
                records[name][seed] = self._trained(ARMS[name], seed, chosen)
        return records

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
        run = Run(recipe, self._taught(recipe), work, self.say)
        run.tokenizer = tokenizer
        set_seed(seed)
        encoder = run.learn_grades(encoder)
        stages = {
            name: {key: report[key] for key in ("seconds", "loss", "dev") if key in report}
            for name, report in run.reports.items()
        }
        record = {**self._measured(encoder, tokenizer), "rate": rates.name, "stages": stages}
        shutil.rmtree(work, ignore_errors=True)
        return record

    def _taught(self, recipe: Recipe) -> Corpus:
        """Dev queries are measured once, after the last stage, not on the way."""
        return replace(augmented(self.corpus, recipe, None, self.say), dev={})

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
                name: measure(encoder, tokenizer, items, graded).record()
                for name, graded in self.tests.items()
            }
        }
        if self.corpus.dev:
            dev = measure(encoder, tokenizer, items, self.corpus.dev).values
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


def _corpus(config: AblationConfig, base: Base) -> Corpus:
    recipe = config.recipe
    corpus = read_corpus(
        config.files,
        text_template(recipe.text),
        dev_fraction=recipe.dev_fraction,
        seed=config.seeds[0],
        issues=Issues(),
    )
    base.refuse_leaks(corpus.dev, config.files.held_out)
    return corpus


def _graded(path: Path, corpus: Corpus) -> Graded:
    position = {product.id: row for row, product in enumerate(corpus.products)}
    graded: dict[str, dict[int, int]] = {}
    for one in read_judgments(path, known_products=position):
        graded.setdefault(normalise(one.query), {})[position[one.product_id]] = int(one.grade)
    return graded


def _key(config: AblationConfig, base: Base) -> str:
    """Runs of other data, recipe or base go elsewhere; seeds, arms and rates may be added."""
    files = config.files
    inputs = [*files.products, *files.qrels, *files.extra_qrels, *files.queries]
    inputs += list(config.tests.values())
    recipe = replace(config.recipe, seed=0).record()
    body: list[Any] = [recipe, config.seeds[0], [hash_file(path) for path in inputs], base.inputs]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]


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

"""A whole training run: tokenizer, bag, transformer, graded SupCon, mining, circle loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedTokenizerFast, set_seed

from training.alike import AlikeQueries, alike_queries, pairs_line
from training.corpus import Corpus, vocabulary_texts
from training.dev import dev_measure
from training.instance_parts import InstanceParts, instance_parts
from training.instances import GradedList, graded_lists
from training.judges.opening import OpenJudge
from training.mine_round import mine_round, suffix_of
from training.mined_pairs import MinedPairs
from training.model import TwinEncoder
from training.network import fresh_encoder, grow, pretrained_encoder, trainable
from training.objectives import Objective, stage_one, stage_two
from training.ranks import Ranks
from training.recipe import Recipe
from training.report.facts import result_of
from training.settings import GradedStageSettings, PretrainSettings, StageSettings
from training.stages import run_stage
from training.text_parts import TextParts, distil_parts, pair_parts
from training.tokenizer import learn_tokenizer, pretrained_tokenizer

Say = Callable[[str], None]
Stage = TypeVar("Stage", bound=StageSettings)


@dataclass
class Run:
    """One run under way: what it learns from and what its stages have reported so far.

    `judge` grades mined pairs without a judgment; `mined` is what came of it. Of several processes
    the first one mines for all.
    """

    recipe: Recipe
    corpus: Corpus
    work: Path
    say: Say
    judge: OpenJudge | None = None
    ranks: Ranks = field(default_factory=Ranks)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    mined: MinedPairs | None = None
    tokenizer: PreTrainedTokenizerFast = field(init=False)

    def train(self) -> TwinEncoder:
        """Every stage of the recipe in order; gives the refined encoder."""
        return self.learn_grades(self.pretrain())

    def pretrain(self) -> TwinEncoder:
        """What comes before any judgment: a pretrained backbone, or stage 0."""
        set_seed(self.recipe.seed)
        encoder = self._start()
        if self.recipe.pretrain.steps:
            self._pairs("pretrain", encoder, self.recipe.pretrain, seed=self.recipe.seed + 1)
        if self.recipe.distil.steps:
            self._distil(encoder)
        return encoder

    def learn_grades(self, encoder: TwinEncoder) -> TwinEncoder:
        """Stage 1, mining and stage 2, as far as the recipe has them and judgments allow."""
        recipe = self.recipe
        lists = graded_lists(self.corpus.train, recipe.instances)
        if not lists and (recipe.supcon.steps or recipe.refine.steps):
            self.say(f"supcon, refine: left out, {self._why_no_lists()}")
        if recipe.supcon.steps and lists:
            self._supcon(encoder, lists)
        if recipe.refine.steps and lists:
            self._refine(encoder, lists)
        return encoder.cpu().eval()

    def _distil(self, encoder: TwinEncoder) -> None:
        settings = self._with_dev("distil", self.recipe.distil)
        parts = distil_parts(encoder, self.tokenizer, self.corpus, self.recipe, settings)
        self._stage("distil", parts, settings, self.recipe.seed)

    def _supcon(self, encoder: TwinEncoder, lists: list[GradedList]) -> None:
        settings = self.recipe.supcon
        objective = stage_one(settings)
        if not settings.pair_weight:
            self._instances("supcon", encoder, settings, lists, objective)
            return
        alike = alike_queries(self.corpus, settings)
        self.say(f"supcon: {pairs_line(alike, self.corpus, settings)}")
        self._instances("supcon", encoder, settings, lists, objective, alike)
        self.reports["supcon"] |= {
            "query_pairs": alike.pairs,
            "paired_queries": len(alike.partners),
        }

    def _refine(self, encoder: TwinEncoder, lists: list[GradedList]) -> None:
        recipe, objective = self.recipe, stage_two(self.recipe.circle)
        if not recipe.mine.depth:
            self._instances("refine", encoder, recipe.refine, lists, objective)
            return
        for number in range(1, recipe.mine.rounds + 1):
            suffix = suffix_of(number)
            found, report = self.ranks.given(partial(self._mine, encoder, number))
            self.reports[f"mine{suffix}"] = report
            first = 0 if recipe.mine.originals else len(lists)
            taught = found[first:] or found
            self._instances(f"refine{suffix}", encoder, recipe.refine, taught, objective)

    def _mine(
        self, encoder: TwinEncoder, number: int
    ) -> tuple[Sequence[GradedList], dict[str, Any]]:
        """What a round of mining gives to learn from, and its report."""
        mined, report = mine_round(
            encoder,
            self.tokenizer,
            self.corpus,
            self.recipe,
            self.judge,
            number,
            self.mined,
            self.say,
        )
        self.mined = mined.pairs
        return mined.lists, report

    def _start(self) -> TwinEncoder:
        """A pretrained encoder, or one that begins as a bag of subwords."""
        recipe, network = self.recipe, self.recipe.network
        if network.base_model:
            self.tokenizer = pretrained_tokenizer(network.base_model)
            return pretrained_encoder(recipe)
        self.say("tokenizer: learn subwords from the catalogue's text")
        self.tokenizer = learn_tokenizer(
            vocabulary_texts(self.corpus), network.vocabulary, network.letter_runs
        )
        size = len(self.tokenizer)
        if network.layers and not recipe.bag.steps:
            return fresh_encoder(recipe, size, network.layers)
        bag = fresh_encoder(recipe, size, 0)
        if recipe.bag.steps:
            self._pairs("bag", bag, recipe.bag, seed=recipe.seed)
        return grow(bag, recipe, size) if network.layers else bag

    def _pairs(
        self, name: str, encoder: TwinEncoder, settings: PretrainSettings, seed: int
    ) -> None:
        settings = self._with_dev(name, settings)
        parts = pair_parts(encoder, self.tokenizer, self.corpus, self.recipe, settings, seed)
        self._stage(name, parts, settings, seed)

    def _with_dev(self, name: str, settings: Stage) -> Stage:
        """Without dev queries nothing is better than anything: no stage can wait for it."""
        if self.corpus.dev or not settings.patience:
            return settings
        self.say(f"{name}: patience is left out, there is no dev split to find the best weights by")
        return replace(settings, patience=0)

    def _why_no_lists(self) -> str:
        if not self.corpus.train:
            return "there are no judged queries to train on"
        count = len(self.corpus.train)
        return f"none of {count} judged queries has products of two grades to tell apart"

    def _instances(
        self,
        name: str,
        encoder: TwinEncoder,
        settings: GradedStageSettings,
        lists: Sequence[GradedList],
        objective: Objective,
        alike: AlikeQueries | None = None,
    ) -> None:
        settings = self._with_dev(name, settings)
        parts = instance_parts(
            encoder, self.tokenizer, self.corpus, self.recipe, settings, lists, objective, alike
        )
        self._stage(name, parts, settings, self.recipe.seed)
        self.reports[name]["instances"] = len(lists)

    def _stage(
        self, name: str, parts: TextParts | InstanceParts, settings: StageSettings, seed: int
    ) -> None:
        learner = parts.learner
        encoder = learner.encoder
        self.say(
            f"{name}: {settings.steps} steps of {settings.batch} queries, "
            f"{encoder.spec.architecture}, {trainable(encoder) / 1e6:.1f} M parameters"
        )
        measure = dev_measure(learner.result, self.tokenizer, self.corpus)
        report = run_stage(
            learner,
            parts.dataset,
            parts.collator,
            settings,
            work=self.work / name,
            seed=seed,
            say=self.say,
            measure=measure,
        )
        report |= {"settings": asdict(settings), "seed": seed}
        self.reports[name] = report
        last = result_of(report, "dev") or {}
        figures = ", ".join(f"{key} {value:.4f}" for key, value in last.items() if key != "step")
        loss = f"loss {report['loss'][-1][1]}" if report["loss"] else "already done"
        self.say(f"{name}: {report['seconds']} s, {loss}{', ' + figures if figures else ''}")

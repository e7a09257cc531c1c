"""Running one stage: `transformers.Trainer` over a learner, a dataset and a collator."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset, SequentialSampler
from transformers import (
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME

from training.batches import Batch
from training.callbacks import AverageCallback, DevCallback, LineCallback
from training.learner import Learner
from training.settings import StageSettings

_LOGS_A_STAGE = 20


class OrderedTrainer(Trainer):
    """A trainer that keeps the dataset's order: our datasets shuffle by seed and step already."""

    head_rate: float = 1.0

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        dataset: Any = self.train_dataset
        return SequentialSampler(dataset)

    def create_optimizer(self) -> torch.optim.Optimizer:
        """The library's optimizer with two learning rates: the backbone's and the heads'."""
        if self.optimizer is None:
            kind, settings = self.get_optimizer_cls_and_kwargs(self.args)
            groups: dict[bool, list[torch.nn.Parameter]] = {False: [], True: []}
            assert self.model is not None
            for name, parameter in self.model.named_parameters():
                if parameter.requires_grad:
                    groups[name.startswith("encoder.") and ".backbone." not in name].append(
                        parameter
                    )
            rate = settings.pop("lr")
            self.optimizer = kind(
                [
                    {"params": groups[False], "lr": rate},
                    {"params": groups[True], "lr": rate * self.head_rate},
                ],
                **settings,
            )
        return self.optimizer


def run_stage(
    learner: Learner,
    dataset: Dataset[Any],
    collator: Callable[[Any], Batch],
    settings: StageSettings,
    *,
    work: Path,
    seed: int,
    say: Callable[[str], None],
    measure: Callable[[], dict[str, float]] | None = None,
) -> dict[str, Any]:
    """Optimise `learner` in place; give loss curve, dev curve, seconds and rate of this start.

    A stage that was killed goes on from its last whole checkpoint in `work`, to the same weights
    that an unbroken one reaches; one that was finished is read back.
    """
    every = max(1, settings.steps // _LOGS_A_STAGE)
    callbacks: list[TrainerCallback] = [AverageCallback(learner)]
    if measure:
        callbacks.append(DevCallback(measure, max(1, settings.steps // 4)))
    trainer = OrderedTrainer(
        model=learner,
        args=_arguments(settings, work, seed, every),
        train_dataset=dataset,
        data_collator=collator,
        callbacks=callbacks,
    )
    trainer.head_rate = settings.head_rate
    done, checkpoint = _last_checkpoint(work)
    if checkpoint:
        say(f"  goes on from step {done} of {settings.steps}")
    trainer.remove_callback(PrinterCallback)
    if not sys.stderr.isatty():
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(LineCallback(say))
    with warnings.catch_warnings():
        # accelerate asks for pinned memory and finds no device to pin it for.
        warnings.filterwarnings("ignore", message=".*pin_memory.*")
        # Checkpoints are then ordered by step number, which is what we want.
        warnings.filterwarnings("ignore", message="mtime may not be reliable.*")
        result = trainer.train(resume_from_checkpoint=checkpoint)
        if done == settings.steps:
            # The trainer restores random states for a step to come only; the next stage needs them.
            trainer._load_rng_state(checkpoint)
    learner.settle()
    seconds = result.metrics["train_runtime"]
    history = trainer.state.log_history
    return {
        "seconds": round(seconds, 1),
        "queries_per_second": round(
            (settings.steps - done) * settings.batch / max(seconds, 1e-3), 1
        ),
        "loss": [[entry["step"], round(entry["loss"], 4)] for entry in history if "loss" in entry],
        "temperature": round(1.0 / float(learner.scale.detach()), 4),
        "dev": [entry for entry in history if any(key.startswith("dev_") for key in entry)],
    }


def _arguments(settings: StageSettings, work: Path, seed: int, every: int) -> TrainingArguments:
    cuda = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(work),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=int(settings.warmup * settings.steps),
        weight_decay=0.0,
        max_grad_norm=settings.clip,
        bf16=settings.bf16,
        use_cpu=not cuda,
        seed=seed,
        data_seed=seed,
        logging_steps=every,
        logging_dir=str(work / "tensorboard"),
        report_to=["tensorboard"],
        save_strategy="steps",
        save_steps=max(1, settings.steps // 3),
        save_total_limit=1,
        remove_unused_columns=False,
        label_names=[],
        dataloader_num_workers=0,
        dataloader_pin_memory=cuda,
        disable_tqdm=not sys.stderr.isatty(),
        log_level=os.environ.get("TRANSFORMERS_VERBOSITY", "warning"),
    )
    # Several visible GPUs would be fed by DataParallel, which cuts a batch in pieces: instances
    # point into the whole batch's items, and in-batch contrast lives from its size.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _last_checkpoint(work: Path) -> tuple[int, str | None]:
    """The step and path of the last whole checkpoint; what was being written is removed."""
    for path in sorted(work.glob("checkpoint-*"), key=_step, reverse=True):
        try:
            # The trainer writes this file last.
            TrainerState.load_from_json(str(path / TRAINER_STATE_NAME))
        except (OSError, ValueError, TypeError):
            shutil.rmtree(path)
            continue
        return _step(path), str(path)
    return 0, None


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])

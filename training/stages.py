"""Running one stage: `transformers.Trainer` over a learner, a dataset and a collator."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset, SequentialSampler
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME

from training.batches import Batch
from training.callbacks import (
    AverageCallback,
    BestCallback,
    DevCallback,
    out_of_patience,
    progress_callback,
)
from training.dev import DevResult
from training.learner import Learner
from training.settings import StageSettings

_LOGS_A_STAGE = 20
_MEASURES_A_STAGE = 4  # of the dev split, besides the one before the first step


class OrderedTrainer(Trainer):
    """A trainer that keeps the dataset's order: our datasets shuffle by seed and step already."""

    head_rate: float = 1.0

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        # Datasets hold a batch a step and are functions of the place: several processes, which
        # take their batches in turn, read on beyond that.
        dataset: Any = self.train_dataset
        return SequentialSampler(range(len(dataset) * self.args.world_size))

    def log_between(self, values: dict[str, float]) -> None:
        """Log from a callback; the library would then forget the loss that is due at this step."""
        due = self.control.should_log
        self.log(values)
        self.control.should_log = due

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
    measure: Callable[[], DevResult] | None = None,
) -> dict[str, Any]:
    """Optimise `learner` in place; give loss curve, dev curve, seconds and rate of this start.

    With dev queries the report also has how far apart the grades lay at each measure, and which
    step's weights the stage ended with.

    A stage that was killed goes on from its last whole checkpoint in `work`, to the same weights
    that an unbroken one reaches; one that was finished is read back.
    """
    trainer = OrderedTrainer(
        model=learner,
        args=_arguments(settings, work, seed),
        train_dataset=dataset,
        data_collator=collator,
        callbacks=[AverageCallback(learner)],
    )
    trainer.head_rate = settings.head_rate
    if trainer.is_world_process_zero():
        _clear_half_written(work)
    trainer.accelerator.wait_for_everyone()
    done, checkpoint = _last_checkpoint(work)
    last = settings.steps
    if checkpoint and out_of_patience(_state(Path(checkpoint)), settings.patience):
        trainer.args.max_steps = last = done
    if checkpoint:
        say(f"  goes on from step {done} of {settings.steps}")
    trainer.remove_callback(PrinterCallback)
    if measure:
        every = max(1, settings.steps // _MEASURES_A_STAGE)
        trainer.add_callback(DevCallback(measure, every, trainer.log_between))
        if settings.patience:
            trainer.add_callback(BestCallback(learner, settings.patience))
    trainer.add_callback(progress_callback(say))
    with warnings.catch_warnings():
        # accelerate asks for pinned memory and finds no device to pin it for.
        warnings.filterwarnings("ignore", message=".*pin_memory.*")
        # Checkpoints are then ordered by step number, which is what we want.
        warnings.filterwarnings("ignore", message="mtime may not be reliable.*")
        result = trainer.train(resume_from_checkpoint=checkpoint)
        if done == last:
            # The trainer restores random states for a step to come only; the next stage needs them.
            trainer._load_rng_state(checkpoint)
    learner.settle()
    seconds = result.metrics["train_runtime"]
    history = trainer.state.log_history
    steps = trainer.state.global_step
    queries = (steps - done) * settings.batch * trainer.args.world_size
    dev = [_dev_figures(entry) for entry in history if "dev_ndcg@10" in entry]
    best = max(dev, key=lambda entry: entry["dev_ndcg@10"])["step"] if dev else steps
    return {
        "steps": steps,
        "result_step": best if settings.patience else steps,
        "seconds": round(seconds, 1),
        "queries_per_second": round(queries / max(seconds, 1e-3), 1),
        "loss": [[entry["step"], round(entry["loss"], 4)] for entry in history if "loss" in entry],
        "temperature": round(1.0 / float(learner.scale.detach()), 4),
        "dev": dev,
        "separation": [
            {"step": entry["step"], **entry["separation"]}
            for entry in history
            if "separation" in entry
        ],
    }


def _arguments(settings: StageSettings, work: Path, seed: int) -> TrainingArguments:
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
        logging_steps=max(1, settings.steps // _LOGS_A_STAGE),
        logging_dir=str(work / "tensorboard"),
        report_to=["tensorboard"],
        save_strategy="steps",
        save_steps=max(1, settings.steps // 3),
        save_total_limit=1,
        remove_unused_columns=False,
        label_names=[],
        dataloader_num_workers=0,
        dataloader_pin_memory=cuda,
        disable_tqdm=True,  # it would print raw dictionaries beside the bar
        log_level=os.environ.get("TRANSFORMERS_VERBOSITY", "warning"),
    )
    # Several visible GPUs would be fed by DataParallel, which cuts a batch in pieces: instances
    # point into the whole batch's items, and in-batch contrast lives from its size.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _dev_figures(entry: dict[str, Any]) -> dict[str, Any]:
    figures = {key: value for key, value in entry.items() if key.startswith("dev_")}
    return {"step": entry["step"], **figures}


def _clear_half_written(work: Path) -> None:
    """Remove what was being written when the process was killed."""
    for path in work.glob("checkpoint-*"):
        try:
            # The trainer writes this file last.
            _state(path)
        except (OSError, ValueError, TypeError):
            shutil.rmtree(path)


def _state(checkpoint: Path) -> TrainerState:
    return TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))


def _last_checkpoint(work: Path) -> tuple[int, str | None]:
    """The step and path of the last checkpoint."""
    last = max(work.glob("checkpoint-*"), key=_step, default=None)
    return (_step(last), str(last)) if last else (0, None)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])

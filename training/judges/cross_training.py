"""Fine-tuning a cross-encoder on judged pairs with `transformers.Trainer`."""

from __future__ import annotations

import math
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

from catalog.model import Grade
from training.callbacks import progress_callback
from training.judges.cross_encoder import CrossEncoderJudge, pad
from training.judges.cross_settings import CrossTraining

_LOGS = 10
Graded = Mapping[str, Mapping[int, int]]


class GradeLearner(nn.Module):
    """A classifier with its loss, weighted cross-entropy; `forward` is what the trainer calls."""

    accepts_loss_kwargs = False  # read by the trainer: no argument of its own beside the inputs

    def __init__(self, model: PreTrainedModel, weights: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("weights", weights)

    def forward(self, labels: Tensor, **inputs: Tensor) -> dict[str, Tensor]:
        """The loss of a batch of pairs; `labels` (n,) int64 in 0 … 2."""
        logits = self.model(**inputs).logits.float()
        weights: Any = self.weights
        return {"loss": nn.functional.cross_entropy(logits, labels, weights)}


class _Pairs(Dataset[dict[str, Any]]):
    def __init__(self, encoded: Sequence[dict[str, list[int]]], grades: Sequence[int]) -> None:
        self._encoded, self._grades = encoded, grades

    def __len__(self) -> int:
        return len(self._grades)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return {**self._encoded[place], "labels": self._grades[place]}


def flat(graded: Graded) -> tuple[list[tuple[str, int]], list[int]]:
    """Judgments as pairs and, in the same order, their grades."""
    rows = [(query, row, grade) for query, by in graded.items() for row, grade in by.items()]
    return [(query, row) for query, row, _ in rows], [grade for *_, grade in rows]


def grade_weights(grades: Sequence[int], balance: float) -> list[float]:
    """(mean count / count) ** balance of each grade; 0 for a grade that does not occur."""
    counts = [list(grades).count(grade.value) for grade in Grade]
    mean = len(grades) / sum(count > 0 for count in counts)
    return [(mean / count) ** balance if count else 0.0 for count in counts]


def fine_tune(
    judge: CrossEncoderJudge,
    graded: Graded,
    settings: CrossTraining,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Optimise the judge's network in place on every judged pair; give loss curve and seconds."""
    set_seed(settings.seed)
    pairs, grades = flat(graded)
    steps = max(1, round(settings.epochs * math.ceil(len(pairs) / settings.batch)))
    weights = grade_weights(grades, settings.balance)
    learner = GradeLearner(judge.model, torch.tensor(weights, dtype=torch.float32))
    say(f"{len(pairs)} pairs of {len(graded)} queries, {steps} steps of {settings.batch}")

    def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        labels = torch.tensor([row["labels"] for row in rows])
        inputs = [{k: v for k, v in row.items() if k != "labels"} for row in rows]
        return {**pad(judge.tokenizer, inputs), "labels": labels}

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as unused, warnings.catch_warnings():
        # accelerate asks for pinned memory and finds no device to pin it for.
        warnings.filterwarnings("ignore", message=".*pin_memory.*")
        trainer = Trainer(
            model=learner,
            args=_arguments(settings, steps, unused),
            train_dataset=_Pairs(judge.encode(pairs), grades),
            data_collator=collate,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(progress_callback(say))
        trainer.train()
    history = trainer.state.log_history
    return {
        "seconds": round(time.monotonic() - began, 1),
        "steps": steps,
        "pairs": len(pairs),
        "grade_weights": [round(weight, 4) for weight in weights],
        "loss": [[entry["step"], round(entry["loss"], 4)] for entry in history if "loss" in entry],
    }


def _arguments(settings: CrossTraining, steps: int, directory: str) -> TrainingArguments:
    cuda = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=directory,
        max_steps=steps,
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=int(settings.warmup * steps),
        weight_decay=settings.weight_decay,
        bf16=settings.bf16,
        use_cpu=not cuda,
        seed=settings.seed,
        data_seed=settings.seed,
        logging_steps=max(1, steps // _LOGS),
        report_to=[],
        save_strategy="no",
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=cuda,
        disable_tqdm=True,  # it would print raw dictionaries beside the bar
        log_level=os.environ.get("TRANSFORMERS_VERBOSITY", "warning"),
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # one copy: weights of classes live with the model
    return arguments

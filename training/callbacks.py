"""What happens after a step: the average grows, the dev split is measured, a line is printed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.learner import Learner


class DevCallback(TrainerCallback):
    """Measures the dev split now and then, into the history that checkpoints keep."""

    def __init__(self, measure: Callable[[], dict[str, float]], every: int) -> None:
        self._measure = measure
        self._every = every

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure every `every` steps and at the last."""
        last = state.global_step == state.max_steps
        if state.is_world_process_zero and (state.global_step % self._every == 0 or last):
            state.log_history.append({"step": float(state.global_step), **self._measure()})


class AverageCallback(TrainerCallback):
    """Lets the weights of every step join the learner's average."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """After the optimiser's step, before anything is measured or saved."""
        self._learner.remember()


class LineCallback(TrainerCallback):
    """A line per log for a run without a terminal, where a progress bar would be noise."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._began = (0, time.monotonic())

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Note the step that this start begins with: a killed one did those before."""
        self._began = (state.global_step, time.monotonic())

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Step, loss and the time still to go."""
        if not logs or "loss" not in logs or not state.is_world_process_zero:
            return
        step, began = self._began
        rate = (time.monotonic() - began) / max(1, state.global_step - step)
        left = rate * (state.max_steps - state.global_step)
        self._say(
            f"  step {state.global_step}/{state.max_steps}  loss {logs['loss']:.4f}  "
            f"{left:.0f} s to go"
        )

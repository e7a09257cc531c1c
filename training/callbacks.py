"""What happens after a step: the average grows, the dev split is measured, progress is shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from accelerate.utils import broadcast_object_list
from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.dev import DevResult
from training.learner import Learner

_QUALITY = "dev_ndcg@10"


class DevCallback(TrainerCallback):
    """Measures the dev split now and then, into the history that checkpoints keep."""

    def __init__(
        self,
        measure: Callable[[], DevResult],
        every: int,
        log: Callable[[dict[str, float]], None],
    ) -> None:
        self._measure = measure
        self._every = every
        self._log = log

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure what the stage begins with; one that goes on has that in its history."""
        if state.global_step == 0:
            self._keep(state)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure every `every` steps and at the last."""
        if state.global_step % self._every == 0 or state.global_step == state.max_steps:
            self._keep(state)

    def _keep(self, state: TrainerState) -> None:
        if not state.is_world_process_zero:
            return
        result = self._measure()
        self._log(dict(result.figures))
        history: list[dict[str, Any]] = state.log_history
        history.append({"step": state.global_step, "separation": result.separation})


class AverageCallback(TrainerCallback):
    """Lets the weights of every step join the learner's average."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """After the optimiser's step, before anything is measured or saved."""
        self._learner.remember()


class BestCallback(TrainerCallback):
    """Keeps the best weights by dev nDCG@10 and stops after `patience` measures without better.

    Runs after `DevCallback`, whose figures stand in the history; so a resumed stage counts on.
    """

    def __init__(self, learner: Learner, patience: int) -> None:
        self._learner, self._patience = learner, patience
        self._seen = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """What was measured before this start is in the history, its best in the weights."""
        self._seen = len(_curve(state))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Compare what was measured at this step, if anything was."""
        curve = _curve(state)
        new, self._seen = len(curve) > self._seen, len(curve)
        # One process has the history; all have to agree, or some would wait for ever.
        (since,) = broadcast_object_list([without_better(curve) if new else None])
        if since == 0:
            self._learner.keep_best()
        if since is not None and since >= self._patience:
            control.should_training_stop = control.should_save = True


def without_better(curve: Sequence[float]) -> int:
    """How many values stand after the (first) highest one."""
    return len(curve) - 1 - max(range(len(curve)), key=curve.__getitem__) if curve else 0


def out_of_patience(state: TrainerState, patience: int) -> bool:
    """Whether a stage with this history was ended by `BestCallback`."""
    return patience > 0 and without_better(_curve(state)) >= patience


def _curve(state: TrainerState) -> list[float]:
    return [entry[_QUALITY] for entry in state.log_history if _QUALITY in entry]


def progress_callback(say: Callable[[str], None]) -> TrainerCallback:
    """A bar on a terminal, else lines: a bar in a log file would be noise."""
    return BarCallback() if sys.stderr.isatty() else LineCallback(say)


class BarCallback(TrainerCallback):
    """A progress bar with the last loss, the last dev nDCG@10 and the time still to go."""

    def __init__(self) -> None:
        self._bar: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start where this start of the stage begins."""
        if state.is_world_process_zero:
            self._bar = tqdm(
                total=state.max_steps,
                initial=state.global_step,
                unit="step",
                dynamic_ncols=True,
                file=sys.stderr,
            )
            self._show(state)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """One step on."""
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Show what was measured since."""
        if self._bar is not None:
            self._show(state)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Leave the bar as it ended."""
        if self._bar is not None:
            self._bar.close()

    def _show(self, state: TrainerState) -> None:
        self._bar.set_postfix_str(", ".join(_measured(state)))


class LineCallback(TrainerCallback):
    """A line per log for a run without a terminal."""

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
        """Step, loss, the last dev nDCG@10 if there is one, and the time still to go."""
        if not logs or "loss" not in logs or not state.is_world_process_zero:
            return
        step, began = self._began
        rate = (time.monotonic() - began) / max(1, state.global_step - step)
        left = rate * (state.max_steps - state.global_step)
        self._say(
            f"  step {state.global_step}/{state.max_steps}  {'  '.join(_measured(state))}  "
            f"{left:.0f} s to go"
        )


def _measured(state: TrainerState) -> list[str]:
    """The last loss and the last dev nDCG@10, as far as there are any."""
    names = {"loss": "loss", _QUALITY: "dev nDCG@10"}
    found = {key: entry[key] for entry in state.log_history for key in names if key in entry}
    return [f"{name} {found[key]:.4f}" for key, name in names.items() if key in found]

"""The TensorBoard logs of a run, kept with its result."""

from __future__ import annotations

import shutil
from pathlib import Path

BOARD = "tensorboard"
_EVENTS = "events.out.tfevents"


def keep_logs(work: Path, checkpoint: Path) -> None:
    """Copy every stage's event files from the work directory to `tensorboard/STAGE/`.

    They are numbered in the order in which they were begun, one a start of the stage: their own
    names have the machine's name in them.
    """
    for logs in sorted(work.glob(f"*/{BOARD}")):
        target = checkpoint / BOARD / logs.parent.name
        for number, path in enumerate(sorted(logs.glob(f"{_EVENTS}.*")), start=1):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / f"{_EVENTS}.{number:03d}")

"""The steps of `gradus demo`: each is one `gradus` command in a process of its own.

A process of its own gives its memory back when it ends, and shows that the rooms meet on disk
alone. What was done is remembered in `steps.json` beside the artefacts; a step is left out only
when the same command would read the same inputs and its artefact is still what it wrote.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.artefact import hash_file, read_manifest
from catalog.errors import GradusError
from service.demo_process import DemoError, StopSign, run_process

RECORD = "steps.json"
RECIPE = "demo"
# What else decides: package and files. An upgrade makes shop and index anew, which takes seconds;
# training, which takes minutes, only when its recipe or the shop's data have changed.
_GOES_BY = {
    "data": ("catalog.demo", "*.py"),
    "train": ("training", f"{RECIPE}.toml"),
    "index": ("index", "*.py"),
}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """One command. `reads` and `writes` are paths below the demo's directory.

    `kind` is the kind of artefact it writes; empty when that is a plain file or directory.
    """

    name: str
    purpose: str
    command: tuple[str, ...]
    reads: tuple[str, ...]
    writes: str
    kind: str = ""


def plan(products: int, seed: int) -> list[Step]:
    """The whole corridor; `{out}` in a command stands for the demo's directory."""
    return [
        Step(
            "data",
            f"make up a shop of {products} products with queries and judgments",
            ("demo-data", "--out", "{out}/data", "--products", str(products), "--seed", str(seed)),
            (),
            "data",
        ),
        Step(
            "train",
            "train the encoder on the shop's judgments (the longest step, a few minutes)",
            (
                *("train", "--recipe", RECIPE, "--products", "{out}/data/products.jsonl"),
                *("--qrels", "{out}/data/qrels_train.tsv", "--queries", "{out}/data/queries.tsv"),
                *("--out", "{out}/checkpoint"),
            ),
            ("data/products.jsonl", "data/qrels_train.tsv", "data/queries.tsv"),
            "checkpoint",
            "checkpoint",
        ),
        Step(
            "export",
            "export it to ONNX and quantise it",
            ("export", "{out}/checkpoint", "--out", "{out}/encoder"),
            ("checkpoint",),
            "encoder",
            "encoder",
        ),
        Step(
            "index",
            "index the products and calibrate relevance",
            (
                *("index", "build", "--products", "{out}/data/products.jsonl"),
                *("--encoder", "{out}/encoder", "--qrels", "{out}/data/qrels_calibration.tsv"),
                *("--out", "{out}/index"),
            ),
            ("data/products.jsonl", "data/qrels_calibration.tsv", "encoder"),
            "index/current",
            "index",
        ),
        Step(
            "evaluate",
            "measure it on queries that nothing above has seen",
            (
                *("evaluate", "--index", "{out}/index", "--qrels", "{out}/data/qrels_test.tsv"),
                *("--out", "{out}/evaluation.json"),
            ),
            ("index/current", "data/qrels_test.tsv"),
            "evaluation.json",
        ),
    ]


def run(out: Path, steps: list[Step], say: Say, sign: StopSign | None = None) -> None:
    """Run every step whose artefact is not there already, until there is a `sign` to stop.

    Raises DemoError when one fails, StoppedError when there was a sign.
    """
    sign = sign or StopSign()
    record = _load_record(out)
    for number, step in enumerate(steps, 1):
        sign.heed(step.name)
        label = f"[{number}/{len(steps)}] {step.name}"
        began = time.monotonic()
        key = _key(out, step)
        made, noted = fingerprint(out / step.writes, step.kind), record.get(step.name, {})
        if noted == {"key": key, "made": made}:
            say(f"{label}: already there ({time.monotonic() - began:.1f} s to verify)")
            continue
        if made and noted.get("key") == key:
            say(f"{label}: {step.writes} is another one than the demo made; making its own again")
        say(f"{label}: {step.purpose}")
        _execute(out, step, sign)
        record[step.name] = {"key": key, "made": fingerprint(out / step.writes, step.kind)}
        _save_record(out, record)
        say(f"{label}: done in {time.monotonic() - began:.1f} s")
    sign.heed(steps[-1].name)


def fingerprint(path: Path, kind: str = "") -> str:
    """What is at `path`, as a hash over its contents; empty when it is missing or damaged."""
    if kind:
        try:
            return read_manifest(path, kind, verify=True).fingerprint
        except GradusError:
            return ""
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    if not all(file.is_file() for file in files):
        return ""
    # Manifests hold the time of writing: the same shop made twice would look different.
    lines = "".join(f"{hash_file(file)}\n" for file in files if file.name != "manifest.json")
    return hashlib.sha256(lines.encode()).hexdigest() if lines else ""


def command_line(out: Path, step: Step) -> list[str]:
    """The step as the operating system runs it."""
    arguments = [part.replace("{out}", str(out)) for part in step.command]
    return [sys.executable, "-m", "gradus", *arguments]


def _key(out: Path, step: Step) -> str:
    """Hash of all that decides what the step writes: its command, its inputs, what it goes by."""
    inputs = [fingerprint(out / path, _kind_of(path)) for path in step.reads]
    goes_by = _hash_of_files(*_GOES_BY[step.name]) if step.name in _GOES_BY else ""
    return hashlib.sha256(json.dumps([step.command, inputs, goes_by]).encode()).hexdigest()


def _kind_of(path: str) -> str:
    return {"checkpoint": "checkpoint", "encoder": "encoder", "index/current": "index"}.get(
        path, ""
    )


def _hash_of_files(package: str, pattern: str) -> str:
    # They are looked up, not imported: the service knows nothing of the training room.
    room = importlib.util.find_spec(package)
    folders = list(room.submodule_search_locations or ()) if room else []
    files = sorted(file for folder in folders for file in Path(folder).rglob(pattern))
    return hashlib.sha256("".join(hash_file(file) for file in files).encode()).hexdigest()


def _execute(out: Path, step: Step, sign: StopSign) -> None:
    status = run_process(command_line(out, step), step.name, sign)
    if status == 0:
        return
    if status < 0:
        raise DemoError(f"step {step.name} was stopped by signal {-status}")
    raise DemoError(
        f"step {step.name} failed with exit status {status}",
        hint="Its own message stands above. `gradus demo` goes on from here once that is mended.",
    )


def _load_record(out: Path) -> dict[str, Any]:
    try:
        record = json.loads((out / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _save_record(out: Path, record: dict[str, Any]) -> None:
    temporary = out / f".{RECORD}.tmp"
    temporary.write_text(json.dumps(record, indent=2) + "\n")
    temporary.replace(out / RECORD)

"""What a cross-encoder that starts from our own small checkpoint is worth as a judge, by splits.

    python benchmarks/judge_esci.py DATA --work DIR --out raw.json

DATA holds the Shopping Queries sample. One stage-0 checkpoint, which has seen no judgment; then for
each seed a judge of the judged training queries but a fifth, which measure it beside the commonest
grade and word statistics. `long` is the same trained longer, with rare grades weighing more. Every
step is a `gradus` command; its report is kept whole, but for its loss curve.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
BASE = ("--recipe", "transformer", "--set", "pretrain.steps=120")
SETTINGS = {
    "short": {"epochs": 1.5, "learning-rate": 1e-4, "balance": 0, "max-tokens": 80},
    "long": {"epochs": 3, "learning-rate": 2e-4, "balance": 0.5, "max-tokens": 80},
}


def gradus(*words: str | Path) -> None:
    """One command; raises CalledProcessError when it fails."""
    command = [sys.executable, "-m", "gradus", *map(str, words)]
    print("+", *command[2:], flush=True)
    subprocess.run(command, check=True, cwd=REPOSITORY)


def products(data: Path, *names: str) -> list[str | Path]:
    """Product files as the commands take them."""
    files: list[str | Path] = ["--layout", "esci"]
    for name in names:
        files += ["--products", data / name]
    return files


def measured(data: Path, base: Path, out: Path, seed: int, settings: str) -> dict[str, Any]:
    """The report of one judge, trained first unless it is there."""
    if not (out / "report.json").exists():
        options = [
            word for name, value in SETTINGS[settings].items() for word in (f"--{name}", value)
        ]
        gradus(
            *("judge", "train", "--base", base, "--out", out, "--seed", seed),
            *products(data, "products.jsonl", "products_extra.jsonl"),
            *("--qrels", data / "qrels_train.tsv", "--extra-qrels", data / "qrels_train_extra.tsv"),
            *("--held-out", data / "qrels_calibration.tsv", "--held-out", data / "qrels_test.tsv"),
            *options,
        )  # fmt: skip
    report = json.loads((out / "report.json").read_text())
    report.pop("training", None)
    return {"settings": settings, "seed": seed, **report}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="checkpoint and judges")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    data, base = asked.data / "esci", asked.work / "base"
    if not (base / "manifest.json").exists():
        queries = ("--queries", data / "queries_unlabelled.txt")
        gradus("train", *BASE, *products(data, "products.jsonl"), *queries, "--out", base)
    runs = [
        measured(data, base, asked.work / f"{settings}-{seed}", seed, settings)
        for settings in SETTINGS
        for seed in asked.seeds
    ]
    body = {"command": " ".join(["benchmarks/judge_esci.py", *sys.argv[1:]]), "runs": runs}
    asked.out.write_text(json.dumps(body, indent=1) + "\n")
    for run in runs:
        accuracy = {"judge": run["judge"]["accuracy"]["value"]} | {
            name: found["accuracy"]["value"] for name, found in run["baselines"].items()
        }
        print(run["settings"], run["seed"], accuracy)


if __name__ == "__main__":
    main()

"""Wrong labels, put in on purpose, so that whoever looks for wrong labels can be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from catalog.errors import CatalogError
from catalog.judgments import write_judgments
from catalog.model import Grade, Judgment

NOISY, TRUE = "qrels_train.tsv", "qrels_train_true.tsv"


def with_label_noise(
    judgments: Sequence[Judgment], share: float, rng: Random
) -> tuple[Judgment, ...]:
    """`round(share * n)` of the n judgments changed to another grade, all else and order as before.

    Which ones and which of the two other grades is uniform; nothing in a changed one tells.

    Raises:
        CatalogError: `share` is outside [0, 1].

    """
    if not 0.0 <= share <= 1.0:
        raise CatalogError("no such share of labels", expected="0 to 1", found=str(share))
    changed = list(judgments)
    for place in rng.sample(range(len(changed)), round(share * len(changed))):
        others = [grade for grade in Grade if grade != changed[place].grade]
        changed[place] = replace(changed[place], grade=rng.choice(others))
    return tuple(changed)


def write_label_noise(
    directory: Path, judgments: Mapping[str, Sequence[Judgment]], share: float, seed: int
) -> None:
    """Write the training judgments with noise as `qrels_train.tsv`, the true ones beside them."""
    train = judgments["train"]
    write_judgments(directory / TRUE, train)
    noisy = with_label_noise(train, share, Random(f"{seed}:label noise"))
    write_judgments(directory / NOISY, noisy)

"""How a cross-encoder is fine-tuned, and what of it must be known to use it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from catalog.errors import BundleError
from catalog.template import TextTemplate

SPEC_FILE = "judge.json"


@dataclass(frozen=True)
class CrossTraining:
    """Choices of one fine-tuning.

    `base` is a hub id, a directory of a Hugging Face encoder, or a Gradus checkpoint. `balance`
    weighs the grades in the loss by (mean count / count) ** balance: 0 leaves them as frequent as
    they are, 1 makes all three weigh the same.
    """

    base: str
    epochs: float = 4.0
    batch: int = 32
    learning_rate: float = 5e-5
    warmup: float = 0.1
    weight_decay: float = 0.01
    balance: float = 0.5
    bf16: bool = False
    seed: int = 7

    def record(self) -> dict[str, Any]:
        """JSON-safe values."""
        return asdict(self)


@dataclass(frozen=True)
class CrossSpec:
    """What travels with the weights: the product's text, the longest pair, the floor.

    `max_tokens` bounds query and product together, special tokens included. Below a probability of
    `floor` in [0, 1] for its likeliest grade the judge does not answer.
    """

    max_tokens: int = 128
    floor: float = 0.0
    template: TextTemplate = field(default_factory=lambda: TextTemplate(description_words=40))

    def save(self, directory: Path) -> None:
        """Write `judge.json`."""
        body = json.dumps(asdict(self), indent=2) + "\n"
        (directory / SPEC_FILE).write_text(body, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> CrossSpec:
        """Read `judge.json`. Raises BundleError when it cannot be understood."""
        path = directory / SPEC_FILE
        try:
            body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            spec = cls(**{**body, "template": TextTemplate(**body["template"])})
            if type(spec.max_tokens) is not int or not 0 <= float(spec.floor) <= 1:
                raise ValueError("max_tokens or floor is out of range")
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise BundleError(
                f"judge.json cannot be read: {type(error).__name__}: {error}",
                where=path,
                hint="The file is damaged or from another version; train the judge again.",
            ) from error
        return spec

"""The settings that travel with an encoder from training to export to every index it fills."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from catalog.errors import BundleError, MissingFile
from catalog.template import TextTemplate

SPEC_FILE = "encoder.json"
POOLINGS = ("mean", "cls", "weighted")


@dataclass(frozen=True)
class EncoderSpec:
    """How texts become vectors, whatever runs the network.

    `dim` is the length of the vectors; texts are cut to `max_query_tokens` and `max_item_tokens`,
    special tokens included. `pooling` is `mean`, `cls`, or `weighted` (a learned softmax over
    tokens). `architecture` is a line for people (`transformer 2x256`, `bag of subwords` …).
    """

    dim: int
    max_query_tokens: int = 32
    max_item_tokens: int = 64
    pooling: str = "mean"
    architecture: str = ""
    template: TextTemplate = field(default_factory=TextTemplate)

    def save(self, directory: Path) -> None:
        """Write `encoder.json` into `directory`."""
        (directory / SPEC_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, directory: Path) -> EncoderSpec:
        """Read `encoder.json`. Raises MissingFile, or BundleError when it cannot be understood."""
        path = directory / SPEC_FILE
        if not path.is_file():
            raise MissingFile("no encoder.json here", where=directory, expected="an encoder")
        try:
            body: dict[str, Any] = json.loads(path.read_text())
            template = TextTemplate(**body.pop("template"))
            return cls(template=template, **body)
        except (ValueError, TypeError, KeyError) as error:
            raise BundleError(f"encoder.json cannot be read: {error}", where=path) from error

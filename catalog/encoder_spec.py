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
        (directory / SPEC_FILE).write_text(
            json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8"
        )

    @classmethod
    def load(cls, directory: Path) -> EncoderSpec:
        """Read `encoder.json`. Raises MissingFile, or BundleError when it cannot be understood."""
        path = directory / SPEC_FILE
        if not path.is_file():
            raise MissingFile(
                "no encoder.json here",
                where=directory,
                expected="an encoder",
                hint="Check the path, or export the encoder again.",
            )
        try:
            body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            template = TextTemplate(**body.pop("template"))
            spec = cls(template=template, **body)
            spec.check()
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            raise BundleError(
                f"encoder.json cannot be read: {type(error).__name__}: {error}",
                where=path,
                hint="The file is damaged or from another version; export the encoder again.",
            ) from error
        return spec

    def check(self) -> None:
        """Raise ValueError when a setting is out of its range."""
        figures = {
            "dim": (self.dim, 1),
            "max_query_tokens": (self.max_query_tokens, 1),
            "max_item_tokens": (self.max_item_tokens, 1),
            "template.category_levels": (self.template.category_levels, 0),
            "template.description_words": (self.template.description_words, 0),
        }
        for name, (value, least) in figures.items():
            if type(value) is not int or value < least:
                raise ValueError(f"{name} must be a whole number from {least}, not {value!r}")
        for prefix in (self.template.query_prefix, self.template.item_prefix):
            if not isinstance(prefix, str):
                raise ValueError(f"a prefix must be a text, not {prefix!r}")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, not {self.pooling!r}")

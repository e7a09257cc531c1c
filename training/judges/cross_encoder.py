"""A judge that reads query and product together: a sequence classifier with three classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers import PreTrainedTokenizerFast as Tokenizer

from catalog.artefact import read_manifest
from catalog.errors import BundleError
from catalog.model import Grade, Product
from catalog.text import normalise
from training.judges.cross_settings import CrossSpec
from training.tokenizer import first_line, pretrained_tokenizer

KIND = "judge"
_AT_ONCE = 64


class CrossEncoderJudge:
    """Grades by the likeliest of three classes; None where its probability is below the floor.

    Args:
        model: gives three logits a pair, of grades 0, 1 and 2.
        tokenizer: knows pairs of texts.
        spec: template, longest pair, floor.
        texts: of each product, by position (`spec.template.item`).

    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: Tokenizer, spec: CrossSpec, texts: Sequence[str]
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.spec = spec
        self._texts = texts

    def grade(self, pairs: Sequence[tuple[str, int]]) -> list[int | None]:
        """One answer a pair, in order."""
        chances = self.probabilities(pairs)
        return [int(row.argmax()) if row.max() >= self.spec.floor else None for row in chances]

    def probabilities(self, pairs: Sequence[tuple[str, int]]) -> NDArray[np.float32]:
        """(n, 3) float32, rows sum to 1: of grades 0, 1 and 2. The model is left in eval mode."""
        self.model.eval()
        device = self.model.device
        encoded = self.encode(pairs)
        # Pairs of one length together: little padding.
        order = sorted(range(len(pairs)), key=lambda place: len(encoded[place]["input_ids"]))
        chances = np.zeros((len(pairs), len(Grade)), np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), _AT_ONCE):
                places = order[start : start + _AT_ONCE]
                batch = pad(self.tokenizer, [encoded[place] for place in places])
                inputs = {name: tensor.to(device) for name, tensor in batch.items()}
                logits = self.model(**inputs).logits.float()
                chances[places] = logits.softmax(dim=1).cpu().numpy()
        return chances

    def encode(self, pairs: Sequence[tuple[str, int]]) -> list[dict[str, list[int]]]:
        """Token ids and whatever else the network reads of each pair, unpadded."""
        if not pairs:
            return []
        prefix = self.spec.template.query_prefix
        encoded: Any = self.tokenizer(
            [prefix + normalise(query) for query, _ in pairs],
            [self._texts[product] for _, product in pairs],
            truncation="longest_first",
            max_length=self.spec.max_tokens,
        )
        names = list(encoded.keys())
        return [{name: encoded[name][row] for name in names} for row in range(len(pairs))]

    def save(self, directory: Path) -> None:
        """Write weights, tokenizer and `judge.json`; the caller adds the manifest."""
        self.model.save_pretrained(directory, safe_serialization=True)
        for weights in directory.glob("*.safetensors"):
            weights.chmod(0o644)  # safetensors writes for the owner alone
        self.tokenizer.backend_tokenizer.no_truncation()  # else the last limit would be saved
        self.tokenizer.backend_tokenizer.no_padding()
        self.tokenizer.save_pretrained(directory)
        self.spec.save(directory)

    @classmethod
    def load(
        cls, directory: Path, products: Sequence[Product], floor: float | None = None
    ) -> CrossEncoderJudge:
        """Read what `gradus judge train` wrote; `floor` replaces the one that was saved.

        Raises:
            BundleError: not a judge, a file of it is missing or changed, or it cannot be loaded.

        """
        read_manifest(directory, KIND)
        spec = CrossSpec.load(directory)
        if floor is not None:
            spec = CrossSpec(spec.max_tokens, floor, spec.template)
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                directory, trust_remote_code=False
            )
        except Exception as error:  # torch and safetensors raise many kinds here
            raise BundleError(
                f"the judge cannot be loaded: {first_line(error)}", where=directory
            ) from error
        if torch.cuda.is_available():
            model = model.to("cuda")
        texts = [spec.template.item(product) for product in products]
        return cls(model, pretrained_tokenizer(str(directory)), spec, texts)


def pad(tokenizer: Tokenizer, encoded: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Tensors (n, longest) int64 of encoded pairs, padded on the tokenizer's own side."""
    longest = max(len(pair["input_ids"]) for pair in encoded)
    fill = {"input_ids": int(tokenizer.pad_token_id or 0)}
    left = tokenizer.padding_side == "left"
    padded: dict[str, torch.Tensor] = {}
    for name in encoded[0]:
        rows = []
        for pair in encoded:
            padding = [fill.get(name, 0)] * (longest - len(pair[name]))
            rows.append(padding + pair[name] if left else pair[name] + padding)
        padded[name] = torch.tensor(rows, dtype=torch.int64)
    return padded

"""Vectors of the parity texts, by the network and by its exported graphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from export.bundle import EncoderBundle
from export.parity import Sides
from export.texts import ParityTexts
from export.tokens import TokenReader

if TYPE_CHECKING:
    from training.model import TwinEncoder

ALONE = 48  # texts of each side that are encoded once more, each by itself


def torch_vectors(model: TwinEncoder, tokenizer: Path, texts: ParityTexts) -> Sides:
    """By the network itself, text by text, in float32."""
    import torch

    tokens = TokenReader(tokenizer)

    def vectors(ids: list[list[int]], side: Literal["query", "item"]) -> NDArray[np.float32]:
        with torch.inference_mode():
            rows = [torch.tensor([text]) for text in ids]
            return np.concatenate(
                [model.embed(row, torch.ones_like(row), side).numpy() for row in rows]
            )

    rendered = [model.spec.template.query(text) for text in texts.queries]
    # One short text gives two threads nothing to share; on a busy machine they wait for each other.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return Sides(
            vectors(tokens.ids(rendered, model.spec.max_query_tokens), "query"),
            vectors(tokens.ids(texts.items, model.spec.max_item_tokens), "item"),
        )
    finally:
        torch.set_num_threads(threads)


def bundle_vectors(bundle: EncoderBundle, texts: ParityTexts) -> Sides:
    """By one of the exported graphs, all texts of a side together."""
    return Sides(bundle.encode_queries(texts.queries), bundle.encode_items(texts.items))


def batch_difference(bundle: EncoderBundle, texts: ParityTexts, together: Sides) -> float:
    """Largest component by which a vector changes when its text is encoded alone."""

    def differences() -> Iterator[float]:
        for row, text in enumerate(texts.queries[:ALONE]):
            yield float(np.abs(bundle.encode_queries([text])[0] - together.queries[row]).max())
        for row, text in enumerate(texts.items[:ALONE]):
            yield float(np.abs(bundle.encode_items([text])[0] - together.items[row]).max())

    return max(differences())

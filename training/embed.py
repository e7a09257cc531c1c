"""Vectors of many texts with a torch encoder: for dev measures and for mining."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from training.batches import padded
from training.model import Side, TwinEncoder


def embed_texts(
    encoder: TwinEncoder,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    side: Side,
    *,
    batch: int = 256,
) -> NDArray[np.float32]:
    """(n, dim) float32, rows L2 = 1, in the order of `texts`; the encoder keeps its mode."""
    spec = encoder.spec
    longest = spec.max_query_tokens if side == "query" else spec.max_item_tokens
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    vectors = np.zeros((len(texts), spec.dim), dtype=np.float32)
    device = next(encoder.parameters()).device
    was_training = encoder.training
    encoder.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            places = order[start : start + batch]
            tokens = padded(tokenizer, [texts[place] for place in places], longest, "text")
            ids, mask = tokens["text_ids"].to(device), tokens["text_mask"].to(device)
            vectors[places] = encoder.embed(ids, mask, side).float().cpu().numpy()
    encoder.train(was_training)
    return vectors

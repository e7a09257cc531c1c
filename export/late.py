"""The likeness of a bag's subwords, read off the trained network (see `export.likeness`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from export.convert import is_bag
from export.likeness import FLOOR, FULLY, KEPT, SHARE, Likeness

if TYPE_CHECKING:
    from collections.abc import Iterable

    from training.model import TwinEncoder

# Tokens that one is like at most, itself among them: a network that learned nothing has a small
# table, too.
MOST = 32
_BLOCK = 1024


def likeness_of(
    model: TwinEncoder, special: Iterable[int], share: float = SHARE, floor: float = FLOOR
) -> Likeness | None:
    """The likeness of every two tokens but the `special` ones; None where there is none.

    `share` in [0, 1] and `floor` in [0, 1), see `export.likeness`; no share, no likeness.

    Only in a bag of subwords is a token the same vector in every text, and late interaction gets
    weights from pooling: a `cls` bag reads one token, and has none.
    """
    import torch

    backbone = model.backbone
    if not is_bag(backbone) or model.spec.pooling == "cls" or not share:
        return None
    tokens = int(backbone.config.vocab_size)
    with torch.inference_mode():
        ids = torch.arange(tokens)[:, None]
        hidden = backbone(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        hidden = hidden[:, 0].float()
        weights = torch.ones(tokens)
        if model.token_weight is not None:
            logits = model.token_weight(hidden)[:, 0].float()
            weights = torch.exp(logits - logits.max())
        queries, items = (
            torch.nn.functional.normalize(head(hidden).float(), dim=-1)
            for head in (model.query_head, model.item_head)
        )
        unread = [token for token in special if token < tokens]
        weights[unread] = 0.0
        sizes, like, met = [], [], []
        for start in range(0, tokens, _BLOCK):
            block = queries[start : start + _BLOCK] @ items.T
            block[:, unread] = -1.0
            block[weights[start : start + _BLOCK] == 0.0] = -1.0
            top, places = block.topk(min(MOST, tokens), dim=1)
            near = top > floor
            sizes.append(near.sum(dim=1).numpy())
            like.append(places[near].numpy())
            met.append((top[near].clamp(max=1.0) - floor) / (1.0 - floor))
    return Likeness(
        share,
        floor,
        KEPT,
        weights.numpy().astype(np.float32),
        np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int32),
        np.concatenate(like).astype(np.int32),
        torch.cat(met).mul(FULLY).round().clamp(min=1).to(torch.uint8).numpy(),
    )

"""In-batch InfoNCE: the pre-training loss, where only pairs are known and no grades."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def info_nce(queries: Tensor, items: Tensor, products: Tensor, scale: Tensor) -> Tensor:
    """Symmetric in-batch softmax over pairs (queries[i], items[i]); the mean over 2n terms.

    Not part of the method of arXiv:2602.17654, which has no in-batch negatives: there the items of
    another query cannot safely be called irrelevant. Here, before any judgment is used, nearly all
    of them are, and pairs of the same product are left out of each other's negatives.

    Args:
        queries: (n, dim) float, rows L2 = 1.
        items: (n, dim) float, rows L2 = 1.
        products: (n,) int64, which product each item is a text of.
        scale: scalar, 1/τ.

    """
    logits = queries @ items.T * scale
    same = products[:, None] == products[None, :]
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, torch.finfo(logits.dtype).min)
    target = torch.arange(len(logits), device=logits.device)
    forward = functional.cross_entropy(logits, target)
    backward = functional.cross_entropy(logits.T, target)
    return (forward + backward) / 2

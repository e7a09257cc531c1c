"""Graded supervised contrastive loss: stage 1 (arXiv:2602.17654, eq. 2)."""

from __future__ import annotations

import torch
from torch import Tensor


def graded_supcon(scores: Tensor, grades: Tensor, present: Tensor, scale: Tensor) -> Tensor:
    r"""Pull items towards their query in proportion to their grade; the sum over instances.

    With cosines s, grades r, temperature τ and P the items above the instance's lowest grade:

        L_q = − 1/Σ_{i∈P} r_i · Σ_{i∈P} r_i · log( exp(s_i/τ) / Σ_j exp(s_j/τ) )

    The denominator runs over the items of the same instance only: another query's item cannot
    safely be called irrelevant. At its optimum a grade-2 item lies τ·ln 2 above a grade-1 item;
    spacing grades apart is the work of stage 2. That P leaves the lowest grade out is our reading.

    Args:
        scores: (n, items) float cosines.
        grades: (n, items) int 0, 1, 2; ignored where not present.
        present: (n, items) bool, False on filling.
        scale: scalar, 1/τ.

    Returns:
        Scalar; instances of a single grade give 0 and no gradient.

    """
    logits = (scores * scale).float().masked_fill(~present, float("-inf"))
    # An instance without any item would be all −inf, whose softmax has a NaN gradient.
    logits = torch.where(present.any(dim=1, keepdim=True), logits, torch.zeros_like(logits))
    log_share = torch.log_softmax(logits, dim=1)
    lowest = grades.masked_fill(~present, 3).amin(dim=1, keepdim=True)
    weight = torch.where(present & (grades > lowest), grades, 0).to(log_share.dtype)
    total = weight.sum(dim=1)
    # Filling has log-share −inf and weight 0, whose product is NaN: take it out first.
    pulled = (weight * log_share.masked_fill(~present, 0.0)).sum(dim=1)
    return -(pulled / total.clamp(min=1.0)).sum()

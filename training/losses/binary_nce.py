"""Binary InfoNCE with in-batch negatives: grades flattened to hit or miss; an ablation arm."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def binary_nce(
    scores: Tensor, places: Tensor, grades: Tensor, present: Tensor, scale: Tensor
) -> Tensor:
    r"""Every exact item of a query against all that is not; the sum over instances.

        L_q = mean over i with r_i = 2 of  −log( e^{s_i/τ} / (e^{s_i/τ} + Σ_{j∈N} e^{s_j/τ}) )

    N: the query's items of a lower grade and all items of the batch that the query has no grade
    for. That another query's item is irrelevant is assumed, which the method of arXiv:2602.17654
    avoids; van den Oord, Li, Vinyals 2018.

    Args:
        scores: (n, m) float cosines of every query with every distinct item of the batch.
        places: (n, items) int64, columns of `scores` that are the query's own items.
        grades: (n, items) int 0, 1, 2; ignored where not present.
        present: (n, items) bool, False on filling.
        scale: scalar, 1/τ.

    Returns:
        Scalar; instances without an exact item give 0 and no gradient.

    """
    logits = scores.float() * scale
    exact = torch.zeros_like(logits, dtype=torch.bool)
    hit = present & (grades == 2)
    rows = torch.arange(len(scores), device=scores.device)[:, None].expand_as(places)
    exact[rows[hit], places[hit]] = True
    lowest = torch.finfo(logits.dtype).min
    against = torch.logsumexp(logits.masked_fill(exact, lowest), dim=1, keepdim=True)
    each = functional.softplus(against - logits)
    # An instance whose every column is exact has nothing to stand against.
    counts = exact.any(dim=1) & ~exact.all(dim=1)
    mean = (each * exact).sum(dim=1) / exact.sum(dim=1).clamp(min=1)
    return torch.where(counts, mean, torch.zeros_like(mean)).sum()

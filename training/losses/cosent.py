"""CoSENT with grades: every better item above every worse one of its query; an ablation arm."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def cosent(scores: Tensor, grades: Tensor, present: Tensor, scale: Tensor) -> Tensor:
    r"""Order the items of each instance by grade; the sum over instances.

        L_q = log( 1 + Σ_{(i,j): r_i > r_j} exp((s_j − s_i)/τ) )

    (Su 2022, "CoSENT"; there the pairs run over a batch of sentence pairs, here over the items of
    one query, whose grades alone can be compared.)

    Args:
        scores: (n, items) float cosines.
        grades: (n, items) int 0, 1, 2; ignored where not present.
        present: (n, items) bool, False on filling.
        scale: scalar, 1/τ.

    Returns:
        Scalar; instances of a single grade give 0 and no gradient.

    """
    s = scores.float() * scale
    # better[n, i, j]: item i should stand above item j.
    better = grades[:, :, None] > grades[:, None, :]
    better &= present[:, :, None] & present[:, None, :]
    behind = (s[:, None, :] - s[:, :, None]).masked_fill(~better, float("-inf")).flatten(1)
    some = better.flatten(1).any(dim=1)
    # A row of −inf alone has no gradient to give; its value is taken out below.
    behind = torch.where(some[:, None], behind, torch.zeros_like(behind))
    loss = functional.softplus(torch.logsumexp(behind, dim=1))
    return torch.where(some, loss, torch.zeros_like(loss)).sum()

"""Multi-class circle loss: stage 2, "Refine" (arXiv:2602.17654, eq. 3-5)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class CircleSettings:
    """Boundaries Δ and optima O of each role a grade plays, in cosine; γ sharpens.

    The values are the paper's as printed; `one_negative_optimum` .40 would be the symmetric
    choice. γ is not given there. `detach` holds the weights max(·), min(·) constant in the backward
    pass, as the circle loss was first defined; with False they are differentiated too. The weights
    are those of the cases (2,0), (1,0) and (2,1) in the sum, 1 each in the paper.
    """

    gamma: float = 32.0
    two_boundary: float = 0.75
    two_optimum: float = 1.25
    one_negative_boundary: float = 0.60
    one_negative_optimum: float = 0.30
    one_positive_boundary: float = 0.40
    one_positive_optimum: float = 0.60
    zero_boundary: float = 0.25
    zero_optimum: float = -0.25
    detach: bool = True
    weight_20: float = 1.0
    weight_10: float = 1.0
    weight_21: float = 1.0


def circle(scores: Tensor, grades: Tensor, present: Tensor, settings: CircleSettings) -> Tensor:
    r"""Push grades into bands of cosine, hardest items first; the sum over instances and cases.

    For each (a, b) in {(2,0), (1,0), (2,1)} with both grades in the instance, I_k its items of
    grade k:

        L_ab = log[ 1 + 1/|I_b| · Σ_{i∈I_a} exp(−γ·max(O_a−s_i, 0)·(s_i−Δ_a))
                              · Σ_{j∈I_b} exp(−γ·min(O_b−s_j, 0)·(s_j−Δ_b)) ]

    computed as softplus(LSE + LSE − log|I_b|) in float32.

    Args:
        scores: (n, items) float cosines.
        grades: (n, items) int 0, 1, 2; ignored where not present.
        present: (n, items) bool, False on filling.
        settings: boundaries, optima and γ.

    Returns:
        Scalar; 0 where no instance holds two grades.

    """
    s = scores.float()
    one, two, zero = (present & (grades == grade) for grade in (1, 2, 0))
    c = settings
    two_up = _log_sum(_pull(s, c.two_optimum, c.two_boundary, c), two)
    one_up = _log_sum(_pull(s, c.one_positive_optimum, c.one_positive_boundary, c), one)
    zero_down = _log_sum(_push(s, c.zero_optimum, c.zero_boundary, c), zero)
    one_down = _log_sum(_push(s, c.one_negative_optimum, c.one_negative_boundary, c), one)
    return (
        c.weight_20 * _case(two_up, two, zero_down, zero)
        + c.weight_10 * _case(one_up, one, zero_down, zero)
        + c.weight_21 * _case(two_up, two, one_down, one)
    )


def _pull(s: Tensor, optimum: float, boundary: float, settings: CircleSettings) -> Tensor:
    weight = (optimum - s).clamp(min=0.0)
    weight = weight.detach() if settings.detach else weight
    return -settings.gamma * weight * (s - boundary)


def _push(s: Tensor, optimum: float, boundary: float, settings: CircleSettings) -> Tensor:
    weight = (optimum - s).clamp(max=0.0)
    weight = weight.detach() if settings.detach else weight
    return -settings.gamma * weight * (s - boundary)


def _log_sum(exponents: Tensor, members: Tensor) -> Tensor:
    """Log-sum-exp over each row's members; a row without any gives 0 (and is masked by `_case`)."""
    some = members.any(dim=1, keepdim=True)
    kept = exponents.masked_fill(~members, float("-inf"))
    return torch.logsumexp(torch.where(some, kept, torch.zeros_like(kept)), dim=1)


def _case(up: Tensor, above: Tensor, down: Tensor, below: Tensor) -> Tensor:
    both = above.any(dim=1) & below.any(dim=1)
    count = below.sum(dim=1).clamp(min=1).to(up.dtype)
    loss = functional.softplus(up + down - count.log())
    return torch.where(both, loss, torch.zeros_like(loss)).sum()

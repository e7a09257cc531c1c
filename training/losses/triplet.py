"""Weighted triplets: the baseline of arXiv:2602.17654, an ablation arm."""

from __future__ import annotations

from torch import Tensor


def weighted_triplet(scores: Tensor, grades: Tensor, present: Tensor, margin: float) -> Tensor:
    r"""A margin between items of different grades, twice as wide and heavy across two grades.

        L_q = Σ_{(i,j): r_i > r_j} w_ij · max(0, w_ij · m − s_i + s_j) / Σ w_ij,   w_ij = r_i − r_j

    The sum over instances. The paper names its baseline without a formula; margin and weight by
    the difference of grades are our reading.

    Args:
        scores: (n, items) float cosines.
        grades: (n, items) int 0, 1, 2; ignored where not present.
        present: (n, items) bool, False on filling.
        margin: m, cosine, above 0: what should lie between neighbouring grades.

    Returns:
        Scalar; instances of a single grade give 0 and no gradient.

    """
    s = scores.float()
    weight = (grades[:, :, None] - grades[:, None, :]).clamp(min=0).to(s.dtype)
    weight = weight * (present[:, :, None] & present[:, None, :])
    gap = s[:, :, None] - s[:, None, :]
    short = (weight * margin - gap).clamp(min=0.0)
    total = weight.sum(dim=(1, 2))
    return ((weight * short).sum(dim=(1, 2)) / total.clamp(min=1.0)).sum()

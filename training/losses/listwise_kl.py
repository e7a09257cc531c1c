"""Listwise distillation: the student's scores follow a teacher's over the same items."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def listwise_kl(scores: Tensor, targets: Tensor, scale: Tensor) -> Tensor:
    """KL( softmax(targets/τ) ‖ softmax(scores/τ) ); the mean over queries.

    Only differences within a query count, so that the teacher's scores need not be cosines; both
    sides share τ, so that equal differences of score are equal. Not part of the method of
    arXiv:2602.17654. (Hinton, Vinyals, Dean 2015, on lists.)

    Args:
        scores: (n, m) float, the student's score of every query with every item.
        targets: (n, m) float, the teacher's.
        scale: scalar, 1/τ.

    """
    student = functional.log_softmax(scores.float() * scale, dim=1)
    teacher = functional.log_softmax(targets.float() * scale, dim=1)
    return functional.kl_div(student, teacher, log_target=True, reduction="batchmean")

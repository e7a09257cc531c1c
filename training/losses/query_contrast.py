"""Contrast of queries: those that ask for the same thing together, the others of a batch apart."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def query_contrast(scores: Tensor, alike: Tensor, apart: Tensor, scale: Tensor) -> Tensor:
    r"""Pull queries that are a pair towards each other; the sum over queries that have a pair here.

    With cosines s, temperature τ, P_i the queries that are a pair with i, N_i its negatives:

        L_i = mean over p in P_i of  −log( e^{s_ip/τ} / (e^{s_ip/τ} + Σ_{j∈N_i} e^{s_ij/τ}) )

    Pairs of queries by what they share are of arXiv:2505.01946; the form is that of SupCon (Khosla
    et al. 2020), but for the other positives, which stand in no denominator: no two queries of a
    pair are pushed apart.

    Args:
        scores: (n, n) float cosines of every query with every query of the batch.
        alike: (n, n) bool, symmetric, False on the diagonal: the pairs.
        apart: (n, n) bool, symmetric: who may be pushed away. What is in neither is left alone.
        scale: scalar, 1/τ.

    Returns:
        Scalar; queries without a pair or without a negative give 0 and no gradient of their own.

    """
    logits = scores.float() * scale
    lowest = torch.finfo(logits.dtype).min
    against = torch.logsumexp(logits.masked_fill(~apart, lowest), dim=1, keepdim=True)
    each = functional.softplus(against - logits)
    mean = (each * alike).sum(dim=1) / alike.sum(dim=1).clamp(min=1)
    return mean.sum()

"""Evidence that a mean is above zero, valid for any number of queries and any distribution.

A gambler with capital 1 bets on the values one after another, each stake settled before its value
is seen. If the mean is zero or less, no strategy multiplies the capital in expectation, so that
by Markov's inequality it ends above 1/δ with probability δ at most, however few the values are.
(Waudby-Smith and Ramdas, arXiv:2010.09686; the mean over orders is theirs too.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]

_ORDERS = 10
_CAUTION = 0.9  # largest share of the capital that one value can take; ours


def evidence(values: Scores, lowest: float, seed: int = 0) -> Scores:
    """Final capital (k,) of k columns of `values` (n, k), each value >= `lowest` < 0.

    With the mean of a column at 0 or below, its capital exceeds 1/δ with probability δ at most.
    """
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(len(values)) for _ in range(_ORDERS)])
    scaled = values / -lowest  # >= -1
    capital = np.ones((_ORDERS, values.shape[1]))
    total = np.zeros_like(capital)
    squares = np.full_like(capital, 0.25)
    for place in range(len(values)):
        drawn = scaled[orders[:, place]]
        mean = total / (place + 1)
        stake = np.clip(mean / (squares / (place + 1) + 1e-12), 0.0, _CAUTION)
        capital *= 1.0 + stake * drawn
        total += drawn
        squares += drawn**2
    final: Scores = capital.mean(axis=0)
    return final

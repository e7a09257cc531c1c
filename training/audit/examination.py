"""How often shoppers look at each position: a curve, or what the log itself says.

The position-based model: a product at position k is examined with probability θ_k, and what is
examined is clicked with a probability of the pair alone. A pair that was shown at several positions
has its clicks spread over them in proportion to showings times θ, whatever its appeal. So θ is
estimated from how the same pair fares at different positions, and a good ranking is not mistaken
for attention. Model and correction: Joachims, Swaminathan and Schnabel, arXiv:1608.04468. The
estimate is the maximum likelihood of those multinomials by minorisation-maximisation, as for choice
models in Hunter, Annals of Statistics 32 (2004).
"""

from __future__ import annotations

import numpy as np

from training.audit.settings import CURVE, AuditSettings
from training.audit.traffic import Floats, Traffic

PRIOR_CLICKS = 10.0  # how many clicks the curve is worth at each position
_ROUNDS, _ENOUGH = 1000, 1e-6


def examination(traffic: Traffic, settings: AuditSettings) -> Floats:
    """(depth,) float64 in (0, 1], the largest is 1: relative examination of each position.

    With `curve` this is k^-slope, 1 over the position by default. With `log` it is estimated; the
    curve joins as `PRIOR_CLICKS` clicks at each position, so it alone holds where the log says
    nothing.
    """
    curve = np.arange(1, settings.depth + 1, dtype=np.float64) ** -settings.slope
    return curve if settings.examination == CURVE else estimated(traffic, curve)


def estimated(traffic: Traffic, curve: Floats) -> Floats:
    """(depth,) float64 in (0, 1], the largest is 1; `curve` (depth,) is the prior."""
    pairs = len(traffic.row)
    clicks = np.bincount(traffic.place_row, traffic.clicked, pairs)
    moved = (clicks > 0) & (np.bincount(traffic.place_row, minlength=pairs) > 1)
    told = moved[traffic.place_row]
    row, place = traffic.place_row[told], traffic.position[told] - 1
    shown = traffic.shown[told].astype(np.float64)
    won = np.bincount(place, traffic.clicked[told], len(curve)) + PRIOR_CLICKS * curve
    theta = curve
    for _ in range(_ROUNDS):
        examined = np.bincount(row, shown * theta[place], pairs)
        expected = shown * (clicks[row] / examined[row])
        better = won / (np.bincount(place, expected, len(curve)) + PRIOR_CLICKS)
        settled = np.abs(better - theta).max() < _ENOUGH * better.max()
        theta = better
        if settled:
            break
    return theta / theta.max()

"""How much shoppers engage with a pair, how sure that is, and whether it is high or low."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from catalog.errors import TrainingError
from catalog.model import Grade
from training.audit.settings import AuditSettings
from training.audit.traffic import DEEDS, Floats, Pair, Traffic

Level = Literal["high", "between", "low", "thin"]
LEVELS: tuple[Level, ...] = ("high", "between", "low", "thin")
PRIOR_EXAMINED = 10.0  # examined showings at the log's mean rate that every pair starts with


@dataclass(frozen=True)
class Rates:
    """(n,) float64 each, by rows of the traffic.

    `rate` with its interval from `low` to `high`, in [0, 1]; how often a pair was `shown`, and
    showings `examined`, in sum.
    """

    rate: Floats
    low: Floats
    high: Floats
    shown: Floats
    examined: Floats


@dataclass(frozen=True)
class Thresholds:
    """Rates in [0, 1]: surely at least `high` is high engagement, surely at most `low` is low."""

    high: float
    low: float


@dataclass(frozen=True)
class Evidence:
    """What shoppers did with one pair; counts of showings, `examined` after correction."""

    level: Level
    rate: float
    interval: tuple[float, float]
    shown: int
    examined: float
    clients: int
    clicks: int
    stays: int
    carts: int
    orders: int


UNSEEN = Evidence("thin", 0.0, (0.0, 1.0), 0, 0.0, 0, 0, 0, 0, 0)


def rates(traffic: Traffic, examination: Floats, settings: AuditSettings) -> Rates:
    """Engagement rate of each pair: value of what followed over showings that were examined.

    A showing at position k counts as θ_k of an examined one. This is the ratio form of weighting
    each deed with 1/θ_k, with the same limit and less variance. `PRIOR_EXAMINED` showings at the
    mean rate are added, and the interval is Wilson's (1927) at the given confidence; values in
    [0, 1] vary at most as much as the clicks it is made for, so it errs on the wide side.
    """
    pairs = len(traffic.row)
    shown = np.bincount(traffic.place_row, traffic.shown, pairs).astype(np.float64)
    looked_at = traffic.shown * examination[traffic.position - 1]
    examined = np.bincount(traffic.place_row, looked_at, pairs).astype(np.float64)
    mean = traffic.value.sum() / examined.sum() if pairs else 0.0
    count = examined + PRIOR_EXAMINED
    # Above 1 only where examination is put too low.
    rate = np.minimum((traffic.value + PRIOR_EXAMINED * mean) / count, 1.0)
    z = NormalDist().inv_cdf(0.5 + settings.confidence / 2)
    centre = (rate + z**2 / (2 * count)) / (1 + z**2 / count)
    spread = rate * (1 - rate) / count + z**2 / (4 * count**2)
    width = z * np.sqrt(spread) / (1 + z**2 / count)
    low, high = np.maximum(centre - width, 0.0), np.minimum(centre + width, 1.0)
    return Rates(rate, np.minimum(low, rate), np.maximum(high, rate), shown, examined)


def thresholds(
    traffic: Traffic, found: Rates, labelled: Mapping[Pair, Grade], settings: AuditSettings
) -> Thresholds:
    """What is usual for exact and for irrelevant products, unless the settings give rates.

    `high` is the `high_quantile` of the rates of pairs labelled 2, `low` the `low_quantile` of
    those labelled 0 and at most `high`; pairs that were examined too seldom are passed over.
    Quantiles within a grade do not depend on how many labels each grade has, and those near the
    middle hardly on labels that are wrong. A grade without such pairs gives 1 or 0, which nothing
    reaches.

    Raises:
        TrainingError: no labelled pair was examined often enough.

    """
    rows = {pair: traffic.row[pair] for pair in labelled if pair in traffic.row}
    enough = {p: row for p, row in rows.items() if found.examined[row] >= settings.min_examined}
    if not enough:
        raise TrainingError(
            "the log says too little of the labelled pairs",
            expected=f"pairs that were examined {settings.min_examined:g} times",
            found=f"{len(rows):,} that were shown at all, in {traffic.searches:,} searches",
            hint="Give a longer log, or lower min_examined and be less sure.",
        )

    def usual(grade: Grade, quantile: float, none: float) -> float:
        known = [found.rate[row] for pair, row in enough.items() if labelled[pair] == grade]
        return float(np.quantile(known, quantile)) if known else none

    high, low = settings.high_rate, settings.low_rate
    if high is None:
        high = usual(Grade.EXACT, settings.high_quantile, 1.0)
    if low is None:
        low = min(usual(Grade.IRRELEVANT, settings.low_quantile, 0.0), high)
    return Thresholds(high, low)


def evidence(
    pair: Pair, traffic: Traffic, found: Rates, bounds: Thresholds, settings: AuditSettings
) -> Evidence:
    """What the log says of a pair; `UNSEEN` of one that it never showed.

    `thin` below `min_examined`; `high` if the lower end of the interval reaches the upper threshold
    and `min_clients` clients did something; `low` if the upper end stays within the lower one.
    """
    if pair not in traffic.row:
        return UNSEEN
    row = traffic.row[pair]
    clients = int(traffic.clients[row])
    if found.examined[row] < settings.min_examined:
        level: Level = "thin"
    elif found.low[row] >= bounds.high and clients >= settings.min_clients:
        level = "high"
    else:
        level = "low" if found.high[row] <= bounds.low else "between"
    return Evidence(
        level=level,
        rate=float(found.rate[row]),
        interval=(float(found.low[row]), float(found.high[row])),
        shown=int(found.shown[row]),
        examined=float(found.examined[row]),
        clients=clients,
        **{kind: int(traffic.deeds[kind][row]) for kind in DEEDS},
    )

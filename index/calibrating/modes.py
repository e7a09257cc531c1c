"""Links and tier cuts of every part of a calibration, from scored pairs and from first pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.calibrating.found import FirstPages, Tops
from index.calibrating.policies import (
    CLOSED,
    Policy,
    Promise,
    Shown,
    lowest_cut,
    promised,
    with_exact,
)
from index.calibration import Link, Mode, ModeCalibration, Part, Thresholds, WishCalibration
from index.link_fit import drawn_weight, fit_link
from index.pairs import Pairs
from index.thresholds import balanced
from index.words.wishes import MOST_WISHES

Scores = NDArray[np.float64]

# Nonsense without a known word shall find no confident match, all but a few in a thousand; nor
# shall nonsense around a known word and known words at random, as far as real queries allow it.
UNKNOWN_SILENT = 0.998
HALF_KNOWN_SILENT = 0.975
UNRELATED_SILENT = 0.75
QUERIES_FOR_WISHES = 50  # fewer share the curves of all
LEAST_NONSENSE = 100  # fewer queries of a sort tell too little of how high nonsense gets
LOST = 1 / 70  # of real queries, at most, to either kind; half of the one in 35 that is bearable


@dataclass(frozen=True)
class Company:
    """What the cuts must tell apart, by best score: `real` queries and nonsense.

    `half_known`: nonsense around one known word; `unrelated`: known words that have nothing to do
    with each other; `unknown` (queries, depth): the best semantic scores of queries without any
    known word.
    """

    real: Mapping[Mode, Tops]
    half_known: Mapping[Mode, Tops]
    unrelated: Mapping[Mode, Tops]
    unknown: Scores

    def asking(self, wishes: int) -> Company:
        """Those queries of the hybrid that have so many wishes, all nonsense where that is few."""

        def nonsense(of: Mapping[Mode, Tops]) -> Mapping[Mode, Tops]:
            own = of["hybrid"].asking(wishes)
            return {"hybrid": own if len(own.scores) >= LEAST_NONSENSE else of["hybrid"]}

        return Company(
            real={"hybrid": self.real["hybrid"].asking(wishes)},
            half_known=nonsense(self.half_known),
            unrelated=nonsense(self.unrelated),
            unknown=self.unknown,
        )


@dataclass(frozen=True)
class FittedModes:
    """The parts, and how they came about, by mode.

    `promises`: what the policy keeps (None: nothing is called exact there); `drawn`: the weight of
    the drawn pairs.
    """

    modes: dict[Part, ModeCalibration]
    promises: dict[Mode, Promise | None]
    drawn: dict[Mode, float]
    wishes: tuple[WishCalibration | None, ...] = ()

    def record(self) -> dict[str, Any]:
        """Promises and weights as JSON values."""
        promises = {
            mode: None if promise is None else asdict(promise)
            for mode, promise in self.promises.items()
        }
        return {"promises": promises, "drawn_weight": dict(self.drawn)}


def fit_modes(
    pairs: Pairs,
    alpha: float,
    company: Company,
    pages: Mapping[Mode, FirstPages],
    policy: Policy | None = None,
) -> FittedModes:
    """Links and cuts of each mode, each fitted on its own score of the same pairs.

    Under a policy of precision a single arm that cannot keep it calls nothing exact, nor does a
    query without a known word; the hybrid must keep it. Raises JudgmentError when it cannot.
    """
    policy = policy or Policy()
    scores: dict[Mode, tuple[Scores, float]] = {
        "lexical": (pairs.lexical, 0.0),
        "semantic": (pairs.semantic, -1.0),
        "hybrid": (alpha * pairs.semantic + (1.0 - alpha) * pairs.lexical, -alpha),
    }
    drawn: dict[Mode, float] = {}
    modes: dict[Part, ModeCalibration] = {}
    promises: dict[Mode, Promise | None] = {}
    for mode, (score, low) in scores.items():
        of_mode = (score, pairs.grade, low, 1.0, pairs.query, pairs.assumed)
        drawn[mode] = drawn_weight(*of_mode)
        link = fit_link(*of_mode, drawn[mode])
        cuts, half_known = cuts_above(link, mode, link.relevance(score), pairs.grade, company)
        if policy.precision is not None:
            kept = _promise(shown_by(link, pages[mode], half_known.substitute), policy, mode, cuts)
            promises[mode] = kept
            exact = CLOSED if kept is None else kept.cut
            cuts = with_exact(cuts, exact)
            half_known = Thresholds(max(exact, half_known.substitute), half_known.substitute)
        modes[mode] = ModeCalibration(link, cuts)
        if mode == "hybrid":
            modes["half_known"] = ModeCalibration(link, half_known)
    modes["unknown_words"] = _unknown_words(pairs, company.unknown, policy)
    # A promise is one cut for all queries, so it has one scale.
    wishes = by_wishes(pairs, alpha, company) if policy.precision is None else ()
    return FittedModes(modes, promises, drawn, wishes)


def by_wishes(pairs: Pairs, alpha: float, company: Company) -> tuple[WishCalibration | None, ...]:
    """Links and cuts of hybrid searches with 0, 1, 2 and more wishes, each from its own queries.

    None where fewer than `QUERIES_FOR_WISHES` of them were judged, or nothing was exact; empty
    where that leaves none.
    """
    found: list[WishCalibration | None] = []
    for wishes in range(MOST_WISHES + 1):
        mine = pairs.of(pairs.wishes == wishes)
        if len(np.unique(mine.query)) < QUERIES_FOR_WISHES or not (mine.grade == 2).any():
            found.append(None)
            continue
        score = alpha * mine.semantic + (1.0 - alpha) * mine.lexical
        of_kind = (score, mine.grade, -alpha, 1.0, mine.query, mine.assumed)
        link = fit_link(*of_kind, drawn_weight(*of_kind))
        near = company.asking(wishes)
        cuts, strict = cuts_above(link, "hybrid", link.relevance(score), mine.grade, near)
        found.append(WishCalibration(ModeCalibration(link, cuts), ModeCalibration(link, strict)))
    return tuple(found) if any(found) else ()


def _promise(shown: Shown, policy: Policy, mode: Mode, cuts: Thresholds) -> Promise | None:
    if mode == "hybrid":
        return promised(shown, policy, cuts.substitute)
    return lowest_cut(shown, policy.precision or 0.0, policy.confidence, cuts.substitute)


def cuts_above(
    link: Link, mode: Mode, relevance: Scores, grades: NDArray[np.int64], company: Company
) -> tuple[Thresholds, Thresholds]:
    """Balanced cuts above what nonsense reaches; those of a query with an unknown word beside them.

    `relevance` and `grades` (n,) are of judged and drawn pairs. An arm alone has one pair of cuts
    for both.
    """
    real, unsure = company.real[mode].scores, company.real[mode].half_known
    most = int(LOST * max(0, len(real) - 1))
    nonsense = company.half_known[mode].scores
    if mode != "hybrid":
        strict = balanced(relevance, grades, _floor(link, nonsense, HALF_KNOWN_SILENT, real, most))
        return strict, strict
    unrelated = company.unrelated[mode].scores
    known = _floor(link, unrelated, UNRELATED_SILENT, real[~unsure], most)
    half = _floor(link, nonsense, HALF_KNOWN_SILENT, real[unsure], most)
    cuts, strict = (balanced(relevance, grades, floor) for floor in (known, max(known, half)))
    return cuts, Thresholds(max(cuts.exact, strict.exact), strict.substitute)


def _floor(link: Link, nonsense: Scores, silent: float, real: Scores, most: int) -> float:
    """The relevance that a share `silent` of nonsense does not reach; `most` of `real` do not."""
    if not len(nonsense):
        return 0.0
    score = float(np.quantile(nonsense, silent, method="higher"))
    if most < len(real):
        score = min(score, float(np.sort(real)[most]))
    return float(link.relevance(np.array([score]))[0])


def _unknown_words(pairs: Pairs, nonsense: Scores, policy: Policy) -> ModeCalibration:
    """Nonsense joins the semantic pairs as one more drawn product of each query, grade 0."""
    spread = nonsense.ravel()
    score = np.concatenate([pairs.semantic, spread])
    grade = np.concatenate([pairs.grade, np.zeros(len(spread), np.int64)])
    query = np.concatenate([pairs.query, np.resize(np.unique(pairs.query), len(spread))])
    assumed = np.concatenate([pairs.assumed, np.ones(len(spread), np.bool_)])
    pairs_and_nonsense = (score, grade, -1.0, 1.0, query, assumed)
    link = fit_link(*pairs_and_nonsense, drawn_weight(*pairs_and_nonsense))
    cuts = balanced(link.relevance(pairs.semantic), pairs.grade)
    if len(nonsense):
        best = link.relevance(nonsense.max(axis=1))
        guard = round(float(np.quantile(best, UNKNOWN_SILENT, method="higher")) + 1e-6, 6)
        # Where nonsense gets as far as what is called exact, nothing can be called so.
        exact = cuts.exact if guard < cuts.exact else CLOSED
        cuts = Thresholds(exact=exact, substitute=max(guard, cuts.substitute))
    if policy.precision is not None:
        cuts = Thresholds(exact=CLOSED, substitute=cuts.substitute)
    return ModeCalibration(link, cuts)


def shown_by(link: Link, pages: FirstPages, half_known: float = 0.0) -> Shown:
    """What first pages are, once a link says how relevant their scores are.

    `half_known`: the least relevance that a query with an unknown word is shown.
    """
    there = np.isfinite(pages.scores)
    relevance = link.relevance(np.where(there, pages.scores, 0.0))
    there &= ~pages.half_known[:, None] | (relevance >= half_known)
    return Shown(np.where(there, relevance, -1.0), pages.exact)

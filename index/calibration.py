"""From a score to a calibrated relevance and a tier.

`score` = alpha·semantic + (1-alpha)·lexical. A monotone ordinal model of that one score gives
P(grade ≥ 1) and P(grade = 2); `relevance` = ½·P(≥1) + ½·P(=2), the expected gain. Tiers are cut on
relevance. Each mode (hybrid, semantic, lexical) has a model and cuts of its own, so an answer that
lacks one arm is calibrated too. A query with a word that is not in the catalogue has cuts of its
own, one without a single known word a model as well, both made in the company of nonsense
(`index.nonsense`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from index.loops import Curves

Scores = NDArray[np.float64]
Mode = Literal["hybrid", "semantic", "lexical"]
Tier = Literal["exact", "substitute", "irrelevant"]
Part = Literal["hybrid", "semantic", "lexical", "half_known", "unknown_words"]
Source = Literal["fitted", "in_sample", "transferred", "transferred_in_sample", "default"]

MODES: tuple[Mode, ...] = ("lexical", "semantic", "hybrid")
PARTS: tuple[Part, ...] = (*MODES, "half_known", "unknown_words")
TIERS: tuple[Tier, ...] = ("irrelevant", "substitute", "exact")  # by grade
CALIBRATION_FILE = "calibration.json"


@dataclass(frozen=True)
class Link:
    """Two piecewise-linear curves over one score, both rising, P(≥1) never below P(=2).

    `scores` are the knots, strictly ascending; `substitute` and `exact` the probabilities there.
    Beyond the outer knots the curves are flat.
    """

    scores: tuple[float, ...]
    substitute: tuple[float, ...]
    exact: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(np.all(np.diff(values) >= 0.0) for values in (self.substitute, self.exact))
        lengths = {len(self.scores), len(self.substitute), len(self.exact)}
        if len(lengths) != 1 or len(self.scores) < 2 or np.any(np.diff(self.scores) <= 0.0):
            raise ValueError(
                "a link needs two knots or more, ascending, with two probabilities each"
            )
        if not rising or np.any(np.subtract(self.substitute, self.exact) < 0.0):
            raise ValueError("the curves of a link must rise, P(>=1) never below P(=2)")
        if min(self.exact) < 0.0 or max(self.substitute) > 1.0:
            raise ValueError("the probabilities of a link must lie in [0, 1]")

    def probabilities(self, scores: Scores) -> tuple[Scores, Scores]:
        """P(grade ≥ 1) and P(grade = 2) of each score, both (n,) float64."""
        substitute, exact = self._curves.at(_flat(scores)).reshape(2, *scores.shape)
        return substitute, exact

    def relevance(self, scores: Scores) -> Scores:
        """Expected gain of each score in [0, 1], rounded to 6 decimals."""
        return self._curves.mean(_flat(scores)).reshape(scores.shape)

    @cached_property
    def _curves(self) -> Curves:
        return Curves(self.scores, self.substitute, self.exact)


@dataclass(frozen=True)
class Thresholds:
    """Least relevance of the tiers `exact` and `substitute`."""

    exact: float
    substitute: float

    def grades(self, relevance: Scores) -> NDArray[np.int64]:
        """Grade (0, 1, 2) of each relevance."""
        return (relevance >= self.substitute).astype(np.int64) + (relevance >= self.exact)

    def raised(self, floor: float) -> Thresholds:
        """The same cuts, neither of them below `floor`."""
        return Thresholds(exact=max(self.exact, floor), substitute=max(self.substitute, floor))

    def least(self, tier: Tier) -> float:
        """Least relevance that still counts as `tier`."""
        return {"exact": self.exact, "substitute": self.substitute, "irrelevant": 0.0}[tier]


@dataclass(frozen=True)
class ModeCalibration:
    """Model and cuts of one mode, or of queries without a known word."""

    link: Link
    thresholds: Thresholds


@dataclass(frozen=True)
class WishCalibration:
    """Model and cuts of hybrid searches with so many wishes; `half_known` as in `PARTS`."""

    hybrid: ModeCalibration
    half_known: ModeCalibration


@dataclass(frozen=True)
class Calibration:
    """Everything between two scores and a tier, and where it comes from.

    `wishes` are models of their own for queries with 0, 1, 2 and more wishes
    (`index.words.wishes`), None where too few were judged; it is empty where none was fitted.
    `source`: `fitted` on judged queries that the encoder never saw, `in_sample` on ones it did,
    `transferred` from another index of the same encoder, `transferred_in_sample` from one where it
    was in sample, `default` as shipped. `policy` names how tiers were cut, and says so where it
    promises nothing for this catalogue. `queries` are the hashes of the calibration queries,
    `pairs` and `assumed` the judged and the drawn pairs, `grades` the judged pairs by grade.
    """

    alpha: float
    alpha_interval: tuple[float, float]
    modes: dict[Part, ModeCalibration]
    source: Source
    policy: str = "balanced"
    queries: tuple[str, ...] = ()
    pairs: int = 0
    assumed: int = 0
    grades: tuple[int, ...] = ()
    wishes: tuple[WishCalibration | None, ...] = ()

    def part(self, part: Part, wishes: int) -> ModeCalibration:
        """Model and cuts of a part of the calibration, for a query with so many wishes."""
        own = self.wishes[wishes] if wishes < len(self.wishes) else None
        if own is None or part not in ("hybrid", "half_known"):
            return self.modes[part]
        return own.hybrid if part == "hybrid" else own.half_known

    @property
    def base_rates(self) -> tuple[float, float] | None:
        """P(>=1) and P(=2) of a judged calibration pair; None where nothing was judged here."""
        if not sum(self.grades):
            return None
        total = sum(self.grades)
        return (self.grades[1] + self.grades[2]) / total, self.grades[2] / total

    @cached_property
    def queries_hash(self) -> str:
        """Sha256 over the hashes of the calibration queries."""
        return hashlib.sha256("\n".join(sorted(self.queries)).encode()).hexdigest()

    @cached_property
    def name(self) -> str:
        """Source and a short digest of the numbers: what an answer quotes."""
        numbers: list[Any] = [self.alpha, _modes_json(self.modes)]
        if self.wishes:
            numbers.append([own and asdict(own) for own in self.wishes])
        body = json.dumps(numbers, sort_keys=True)
        return f"{self.source}-{hashlib.sha256(body.encode()).hexdigest()[:8]}"

    def save(self, directory: Path) -> None:
        """Write `calibration.json` into `directory`."""
        body = asdict(self) | {"queries_hash": self.queries_hash, "name": self.name}
        (directory / CALIBRATION_FILE).write_text(json.dumps(body, indent=1) + "\n")

    @classmethod
    def load(cls, directory: Path) -> Calibration:
        """Read `calibration.json`. Raises BundleError when it is missing or damaged."""
        path = directory / CALIBRATION_FILE
        try:
            return calibration_from_json(json.loads(path.read_text()))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BundleError(
                f"the calibration cannot be read: {error}",
                where=path,
                hint="Give the directory of an index that `gradus index build` wrote.",
            ) from error


def calibration_from_json(body: dict[str, Any]) -> Calibration:
    """A calibration from its JSON values. Raises ValueError, TypeError or KeyError."""
    known = {key: value for key, value in body.items() if key not in {"queries_hash", "name"}}
    modes = {mode: _mode_from_json(part) for mode, part in known.pop("modes").items()}
    wishes = tuple(
        own and WishCalibration(**{name: _mode_from_json(part) for name, part in own.items()})
        for own in known.pop("wishes", ())
    )
    if "hybrid" in modes:  # a calibration from before these queries had cuts of their own
        modes.setdefault("half_known", modes["hybrid"])
    if set(modes) != set(PARTS):
        raise ValueError(f"it lacks a mode: {sorted(set(PARTS) - set(modes))}")
    interval = known.pop("alpha_interval")
    queries, grades = (tuple(known.pop(name, ())) for name in ("queries", "grades"))
    return Calibration(
        modes=modes,
        alpha_interval=(interval[0], interval[1]),
        queries=queries,
        grades=grades,
        wishes=wishes,
        **known,
    )


def _mode_from_json(part: dict[str, Any]) -> ModeCalibration:
    link = Link(**{name: tuple(values) for name, values in part["link"].items()})
    return ModeCalibration(link, Thresholds(**part["thresholds"]))


def default_calibration() -> Calibration:
    """The shipped calibration, for a catalogue without judgments: rough, and marked `default`."""
    text = files("index").joinpath("default_calibration.json").read_text()
    return calibration_from_json(json.loads(text))


def _flat(scores: Scores) -> Scores:
    return np.ascontiguousarray(scores, np.float64).reshape(-1)


def _modes_json(modes: dict[Part, ModeCalibration]) -> dict[str, Any]:
    return {mode: asdict(part) for mode, part in modes.items()}

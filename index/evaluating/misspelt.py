"""The same judgments asked with one letter wrong in every query, beside the clean figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catalog.measures import bootstrap_mean, relative_change
from catalog.slips import with_a_slip
from index.calibration import MODES
from index.engine import Engine
from index.evaluating.asking import Qrels, ask
from index.evaluating.figures import FIGURES, Figures, figures_of
from index.evaluating.summary import difference
from index.request import SearchRequest

_EXAMPLES = 5


@dataclass(frozen=True)
class Misspelling:
    """What is typed instead of each query; None where a query has no word that can go wrong."""

    seed: int
    slipped: tuple[str | None, ...]


def misspell(qrels: Qrels, seed: int) -> Misspelling:
    """One seeded slip in every query; see `catalog.slips`."""
    return Misspelling(seed, tuple(with_a_slip(query, seed) for query in qrels))


def misspelt_report(
    engine: Engine,
    qrels: Qrels,
    clean: Figures,
    misspelling: Misspelling,
    advance: Callable[[int], None] = lambda _done: None,
) -> dict[str, Any]:
    """Every figure clean and misspelt, and the relative change of its mean, over all queries.

    `modes` as served, with the engine's correction of spelling; `uncorrected` without it, which is
    what each arm is worth by itself. A query without a slip is asked as it is and counted in
    `unchanged`; `restored` counts those that correction reads as the right query again.
    """
    asked = list(zip(qrels, misspelling.slipped, strict=True))
    texts = [query if slipped is None else slipped for query, slipped in asked]
    served = figures_of(qrels, ask(engine, qrels, texts, advance))
    uncorrected = figures_of(qrels, ask(engine, qrels, texts, advance, correct=False))
    changed = [(query, slipped) for query, slipped in asked if slipped is not None]
    return {
        "seed": misspelling.seed,
        "queries": len(asked),
        "unchanged": len(asked) - len(changed),
        "restored": sum(_read(engine, query) == _read(engine, wrong) for query, wrong in changed),
        "examples": [list(pair) for pair in changed[:_EXAMPLES]],
        "modes": _beside(clean, served),
        "uncorrected": _beside(clean, uncorrected),
    }


def _read(engine: Engine, query: str) -> str:
    return engine.prepare(SearchRequest(query)).text


def _beside(clean: Figures, wrong: Figures) -> dict[str, Any]:
    return {
        mode: {
            name: {
                "clean": bootstrap_mean(clean.values[mode][name]).record(),
                "misspelt": bootstrap_mean(wrong.values[mode][name]).record(),
                "difference": difference(name, wrong.values[mode][name], clean.values[mode][name]),
                "relative": relative_change(
                    wrong.values[mode][name], clean.values[mode][name]
                ).record(),
            }
            for name in FIGURES
        }
        for mode in MODES
    }

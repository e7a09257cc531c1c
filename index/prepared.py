"""A request understood, and the plan by which it was answered."""

from __future__ import annotations

from dataclasses import dataclass

from index.budgets import NO_BUDGETS, Budgets
from index.calibration import Mode, Part
from index.page import Page
from index.request import SearchRequest
from index.spelling.speller import Correction
from index.words.terms import QueryTerms


@dataclass(frozen=True)
class Prepared:
    """A request understood; `mode` is the one that will run.

    `text` is normalised and, where asked for, corrected: what both arms see. `known_words`: at
    least one word of it occurs in the catalogue; `unknown_words`: at least one does not. `left_out`
    is what took too long by `budgets`. `wishes` is how much it asks for (`index.words.wishes`), 0
    where the calibration does not ask.
    """

    request: SearchRequest
    text: str
    terms: QueryTerms
    mode: Mode
    has_words: bool
    known_words: bool
    unknown_words: bool
    corrections: tuple[Correction, ...] = ()
    budgets: Budgets = NO_BUDGETS
    left_out: tuple[str, ...] = ()
    wishes: int = 0

    def part(self, mode: Mode) -> Part:
        """The part of the calibration that an answer in `mode` takes."""
        if mode == "hybrid" and self.unknown_words:
            return "half_known"
        return "unknown_words" if mode == "semantic" and not self.known_words else mode

    @property
    def needs_vector(self) -> bool:
        """Whether `Engine.answer` wants the query's vector."""
        return self.has_words and self.mode != "lexical"


def plan_of(prepared: Prepared, mode: Mode, page: Page, semantic: str) -> dict[str, str]:
    """What was done, for people: one word or one reason a part; `semantic` is that arm's."""
    if not prepared.has_words:
        asked = prepared.request.mode
        return {"mode": asked, "query": "no letters or digits: nothing was searched"}
    plan: dict[str, str] = {"mode": mode}
    if mode != "lexical":
        plan["semantic"] = semantic
    if mode != "semantic":
        plan["lexical"] = "bm25f"
    elif prepared.request.mode == "hybrid":
        plan["lexical"] = "off: no word of the query is in the catalogue"
    if page.past:
        plan["page"] = f"beyond the result set, which holds {page.total.value} products"
    best, least = page.missed, prepared.request.min_relevance
    # Nothing worth showing is `no_confident_match`, unless a bound of the request's own was higher.
    if best is not None and (page.confident or least is not None):
        bound = f"min_tier={prepared.request.min_tier}"
        if least is not None and best < least:
            bound = f"min_relevance={least:g}"
        plan["cut"] = f"nothing passes {bound}: the best candidate has relevance {best:g}"
    return plan

"""What a request asks of the list beyond its query, understood against one index.

Filter, facets, sort, fields, highlight and groups name columns; rules name queries and products.
All of it is checked before anything is searched, and none of it touches a score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import inf

import numpy as np
import orjson
from numpy.typing import NDArray

from catalog.errors import QueryError
from index.bundle import IndexBundle
from index.calibration import Mode
from index.candidates import Candidates
from index.facets import MAX_FACETS, Facets, Stats, count_facets
from index.fields import check_fields, chosen
from index.filtering.columns import Column
from index.filtering.language import parse
from index.filtering.matching import Matcher
from index.filtering.plans import filter_plan
from index.grouping import group_column
from index.highlight import Highlighter, highlight_fields
from index.listing import Listing, Wanted
from index.request import Hit, SearchRequest
from index.rules import Rules, saved_rules
from index.sorting import sort_keys
from index.subset import Subset
from index.words.terms import QueryTerms

_MASK_BYTES = 1 << 26  # of filters remembered, rows and all
_ROW_BYTES = 9


@dataclass(frozen=True, eq=False)
class Refinement:
    """A request's wishes bound to columns; `among` None lets every product pass."""

    among: Subset | None = None
    facets: Mapping[str, Column] = field(default_factory=dict)
    wanted: Wanted = field(default_factory=Wanted)
    fields: tuple[str, ...] = ()
    highlight: tuple[str, ...] = ()
    rules_off: bool = False


class Refiner:
    """Binds requests to one index. Safe to share between threads."""

    def __init__(self, bundle: IndexBundle, rules: Rules | None = None) -> None:
        """`rules` None takes those that the index was built with. Raises RulesError."""
        self._bundle = bundle
        self.rules = saved_rules(bundle.directory) if rules is None else rules
        self._matcher = Matcher(bundle.columns, bundle.store.row)
        remembered = _MASK_BYTES // (_ROW_BYTES * bundle.columns.products + 1)
        self._passing = lru_cache(min(256, max(4, remembered)))(self._subset)

    @cached_property
    def _bonus(self) -> NDArray[np.float64] | None:
        return _bonus(self._bundle, self.rules) if self.rules.ties.matter else None

    @cached_property
    def _plain(self) -> Refinement:
        return Refinement(wanted=Wanted(bonus=self._bonus))

    def refine(self, request: SearchRequest, text: str) -> Refinement:
        """The wishes of a request whose query is understood as `text`.

        Raises QueryError naming the parameter, and for a filter the character, at fault.
        """
        columns = self._bundle.columns
        plain = not (
            request.filter or request.facets or request.sort or request.fields
            or request.highlight or request.group_by
        )  # fmt: skip
        placement = self.rules.of(request.q, text)
        if plain and not placement.pin and not placement.bury:
            return self._plain
        among = self._passing(request.filter)
        sort = sort_keys(request.sort, columns)
        pinned, buried = placement.pin, placement.bury
        return Refinement(
            among,
            self._facets(request.facets),
            Wanted(
                sort,
                None if sort else self._bonus,
                # Who sorts wants that order and no other.
                () if sort else self._rows(pinned, among),
                () if sort else self._rows(buried, among),
                group_column(request.group_by, columns) if request.group_by else None,
            ),
            check_fields(request.fields, columns),
            highlight_fields(request.highlight),
            rules_off=bool(sort and (pinned or buried)),
        )

    def facets(
        self, refined: Refinement, found: Candidates, listed: Listing, seconds: float = inf
    ) -> tuple[Facets, Stats]:
        """Counts over all members that pass, whatever the page and the groups.

        Raises OverBudget when they take longer than `seconds`.
        """
        if not refined.facets:
            return {}, {}
        return count_facets(refined.facets, found.rows[listed.members], seconds)

    def dress(
        self,
        hits: tuple[Hit, ...],
        refined: Refinement,
        listed: Listing,
        offset: int,
        terms: QueryTerms,
    ) -> tuple[Hit, ...]:
        """The hits of the page with what was asked for: fewer fields, marked words, groups."""
        dressed = hits
        if listed.pinned or listed.buried:
            rows = [self._bundle.store.row(hit.id) for hit in hits]
            dressed = tuple(
                hit._replace(rule=listed.rule_of(row))
                for hit, row in zip(dressed, rows, strict=True)
                if row is not None
            )
        if listed.groups:
            groups = listed.groups[offset : offset + len(hits)]
            dressed = tuple(
                hit._replace(group=group) for hit, group in zip(dressed, groups, strict=True)
            )
        if refined.highlight:
            marker = Highlighter(terms, self._bundle.lexical.analyser)
            dressed = tuple(
                hit._replace(highlight=marker.marked(hit.product, refined.highlight))
                for hit in dressed
            )
        if refined.fields:
            dressed = tuple(
                hit._replace(record=orjson.dumps(chosen(hit.product, refined.fields)))
                for hit in dressed
            )
        return dressed

    def plan(self, refined: Refinement, mode: Mode, *, exact: bool) -> dict[str, str]:
        """What the filter and the rules did, as parts of an answer's plan."""
        plan: dict[str, str] = {}
        if refined.among is not None:
            bundle = self._bundle
            among = bundle.standing(refined.among) or refined.among
            plan |= filter_plan(bundle.dense, mode, among, bundle.candidates, exact=exact)
        if refined.rules_off:
            plan["rules"] = "off: the request sorts"
        return plan

    def _subset(self, text: str) -> Subset | None:
        expression = parse(text)
        return None if expression is None else Subset(self._matcher.mask(expression))

    def _facets(self, names: Sequence[str]) -> dict[str, Column]:
        if len(names) > MAX_FACETS:
            raise QueryError("there are too many", where="facets", expected=f"at most {MAX_FACETS}")
        found: dict[str, Column] = {}
        columns = self._bundle.columns
        for name in names:
            column = columns.find(name)
            if column is None:
                near = columns.alike(name)
                raise QueryError(
                    f"there is no field {name[:60]!r}",
                    where="facets",
                    expected=f"one of {', '.join(columns.names()[:30])}",
                    hint=f"Did you mean {near}?" if near else "",
                )
            found[name] = column
        return found

    def _rows(self, ids: Sequence[str], among: Subset | None) -> tuple[int, ...]:
        standing = self._bundle.standing(among)
        rows = (self._bundle.store.row(product) for product in ids)
        return tuple(
            row for row in rows if row is not None and (standing is None or standing.mask[row])
        )


def _bonus(bundle: IndexBundle, rules: Rules) -> NDArray[np.float64]:
    """What stock and popularity are worth in relevance, (products,) float64, never above 0.1 each.

    A product whose stock is unknown counts as in stock, one of unknown popularity as the least
    popular; popularity counts by its rank among the catalogue's.
    """
    rows = np.arange(bundle.columns.products)
    in_stock, popularity = bundle.columns.get("in_stock"), bundle.columns.get("popularity")
    bonus = np.zeros(len(rows))
    if in_stock is not None:
        bonus += rules.ties.stock * (np.nan_to_num(in_stock.single(rows), nan=1.0) > 0.0)
    if popularity is not None:
        known = np.sort(popularity.values)
        place = known.searchsorted(np.nan_to_num(popularity.single(rows), nan=-1.0), "right")
        bonus += rules.ties.popularity * place / max(1, len(known))
    return bonus

"""Kinds of queries, and kinds of products, that an index may serve worse than the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.model import Grade
from catalog.text import normalise
from index.engine import Engine
from index.evaluating.asking import Qrels
from index.evaluating.demand import Demand
from index.evaluating.overlap import Overlap

Rows = NDArray[np.bool_]

HALF = 0.5


@dataclass(frozen=True)
class Slice:
    """Some of the queries: `rows` (queries,) in the order of the judgments; `how` says which."""

    group: str
    name: str
    how: str
    rows: Rows


def query_slices(
    engine: Engine, qrels: Qrels, overlaps: Mapping[str, Overlap], demand: Demand
) -> list[Slice]:
    """Every slice of the queries of `qrels`, empty ones included. `overlaps` are by query."""
    return [
        *_by_length(engine, list(qrels)),
        *_by_titles(qrels, overlaps),
        *_by_demand(engine, list(qrels), demand),
        *_by_vocabulary(engine, list(qrels)),
        *_by_kind(list(qrels), demand),
    ]


def memberships(slices: Sequence[Slice], queries: int) -> tuple[tuple[str, ...], ...]:
    """For each query, the names of the slices that it is in."""
    return tuple(
        tuple(f"{one.group}: {one.name}" for one in slices if one.rows[row])
        for row in range(queries)
    )


def _by_length(engine: Engine, queries: Sequence[str]) -> Iterator[Slice]:
    analyser = engine.bundle.lexical.analyser
    lengths = np.array([len(analyser.words(query)) for query in queries], np.int64)
    for name, low, high in (("1-2 words", 0, 2), ("3-4 words", 3, 4), ("5+ words", 5, 10**9)):
        yield Slice(
            "length",
            name,
            "words of the query, stop words and numbers included",
            (lengths >= low) & (lengths <= high),
        )


def _by_titles(qrels: Qrels, overlaps: Mapping[str, Overlap]) -> Iterator[Slice]:
    """Only queries with an exact product are in either."""
    shares = []
    for query, grades in qrels.items():
        exact = np.array([grade == Grade.EXACT for grade in grades.values()], np.bool_)
        low = overlaps[query].title[exact] <= HALF
        shares.append(float(low.mean()) if len(low) else np.nan)
    share = np.array(shares)
    how = "more than half of its exact products have at most half of its words in their titles"
    yield Slice("titles", "mostly lack the words", how, share > HALF)
    yield Slice("titles", "mostly hold the words", "the other queries", share <= HALF)


def _by_demand(engine: Engine, queries: Sequence[str], demand: Demand) -> Iterator[Slice]:
    if demand.frequency:
        values = [demand.frequency.get(normalise(query), 0.0) for query in queries]
        how = "typed more often than the median of these queries"
    else:
        values = [float(_rarest(engine, query)) for query in queries]
        how = "its rarest word is in more products than in the median of these queries"
    often = np.array(values, np.float64)
    head = often > np.median(often) if len(often) else np.zeros(0, np.bool_)
    yield Slice("demand", "head", how, head)
    yield Slice("demand", "tail", "the other queries", ~head)


def _rarest(engine: Engine, query: str) -> int:
    lexical = engine.bundle.lexical
    terms = lexical.analyser.query_terms(query).counts
    return min((lexical.document_frequency(term) for term, _ in terms), default=0)


def _by_vocabulary(engine: Engine, queries: Sequence[str]) -> Iterator[Slice]:
    unknown = np.array([_rarest(engine, query) == 0 for query in queries], np.bool_)
    yield Slice("vocabulary", "a word unknown", "a word of it is in no product", unknown)
    yield Slice("vocabulary", "every word known", "the other queries", ~unknown)


def _by_kind(queries: Sequence[str], demand: Demand) -> Iterator[Slice]:
    kinds = [demand.kind.get(normalise(query), "") for query in queries]
    for kind in sorted({kind for kind in kinds if kind}):
        rows = np.array([one == kind for one in kinds], np.bool_)
        yield Slice("kind", kind, "as the query file says", rows)


@dataclass(frozen=True)
class ProductSlice:
    """Some of the judged products: which of them `holds` says by their overlap."""

    group: str
    name: str
    how: str
    holds: Callable[[Overlap], Rows]


PRODUCT_SLICES = (
    ProductSlice(
        "products",
        "no word of the query",
        "no field of them holds a word of the query: lexical search cannot find them",
        lambda overlap: overlap.lexical == 0.0,
    ),
    ProductSlice(
        "products",
        "half the words or fewer",
        "their titles hold at most half of the query's words",
        lambda overlap: overlap.title <= HALF,
    ),
)


def on_products(
    qrels: Qrels,
    rankings: Sequence[Sequence[str]],
    overlaps: Mapping[str, Overlap],
    part: ProductSlice,
) -> tuple[dict[str, dict[str, int]], dict[str, list[str]]]:
    """Judgments of the products in `part` alone, and rankings without the other relevant ones.

    A relevant product outside the slice is taken out of the ranking, where it would only stand in
    the way of those inside. Queries without a relevant product in the slice fall away.
    """
    kept: dict[str, dict[str, int]] = {}
    run: dict[str, list[str]] = {}
    for (query, grades), ranking in zip(qrels.items(), rankings, strict=True):
        inside = part.holds(overlaps[query])
        chosen = {p: g for (p, g), here in zip(grades.items(), inside, strict=True) if here}
        if not any(chosen.values()):
            continue
        kept[query] = chosen
        run[query] = [p for p in ranking if p in chosen or not grades.get(p, 0)]
    return kept, run

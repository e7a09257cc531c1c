"""The dev queries that went worst, with what was found for them."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.pages.markup import Html, element, escaped, figure, table
from training.report.facts import DevQuery, Ranked, RunFacts

_NAMES = {2: "exact", 1: "substitute", 0: "irrelevant"}
_OPEN = 3  # of the worst queries, how many show their hits from the start


def queries_section(facts: RunFacts) -> Html:
    """The worst queries by nDCG@10, each with its ten hits, to be folded out."""
    note = (
        f"The {len(facts.worst)} of {facts.dev_queries} dev queries with the lowest nDCG@10. "
        "Hits without a grade were judged by nobody and count as irrelevant."
    )
    return element(
        "section",
        [
            element("h2", escaped("Worst dev queries")),
            element("p", escaped(note), class_="note"),
            *(_query(query, place < _OPEN) for place, query in enumerate(facts.worst)),
        ],
        id="queries",
    )


def _query(query: DevQuery, unfolded: bool) -> Html:
    exact, substitute, irrelevant = query.judged
    judged = f"{exact} exact, {substitute} substitute, {irrelevant} irrelevant judged"
    parts = [
        element(
            "summary",
            [
                element("b", figure(query.ndcg)),
                element("q", escaped(query.query)),
                element("small", escaped(judged)),
            ],
        ),
        _ranking(query.hits),
    ]
    if query.missed:
        parts += [
            element("p", escaped("Exact, but not among the first ten:")),
            _ranking(query.missed),
        ]
    return element("details", parts, **({"open": ""} if unfolded else {}))


def _ranking(products: Sequence[Ranked]) -> Html:
    rows = [
        [
            escaped("> 100" if one.rank is None else one.rank),
            figure(one.cosine, 3),
            _badge(one.grade),
            element("span", escaped(one.title), title=one.product),
        ]
        for one in products
    ]
    return table(["rank", "cosine", "grade", "product"], rows, texts=(2, 3))


def _badge(grade: int | None) -> Html:
    name = "unjudged" if grade is None else _NAMES[grade]
    return element("span", escaped(name), class_=f"badge {name}")

"""The page's worst queries: hits, what judges say of them, and how each came by its tier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog.pages.markup import NOTHING, Html, element, escaped, figure, table
from index.calibration import TIERS

Record = Mapping[str, Any]
_OPEN = 3  # of the worst queries, how many show their hits from the start
_HEADS = (
    *("rank", "judged", "said", "relevance", "semantic", "lexical", "score"),
    *("P(exact)", "P(≥ subst.)", "product"),
)


def worst_section(worst: Sequence[Record]) -> Html:
    """The worst queries by hybrid nDCG@10, each to be folded out."""
    note = (
        f"The {len(worst)} queries with the lowest nDCG@10 of hybrid search. Hits without a grade "
        "were judged by nobody and count as irrelevant. score = alpha·semantic + (1 − alpha)·"
        "lexical; the calibration turns it into the two probabilities, relevance is their mean, "
        "and the tier is cut on relevance."
    )
    return element(
        "section",
        [
            element("h2", escaped("Worst queries")),
            element("p", escaped(note), class_="note"),
            *(_query(one, place < _OPEN) for place, one in enumerate(worst)),
        ],
        id="worst",
    )


def _query(one: Record, unfolded: bool) -> Html:
    values = one["ndcg@10"]
    others = ", ".join(f"{mode} {values[mode]:.3f}" for mode in ("lexical", "semantic"))
    judged = ", ".join(f"{number} {tier}" for tier, number in reversed(one["judged"].items()))
    parts = [
        element(
            "summary",
            [
                element("b", figure(values["hybrid"], 3)),
                element("q", escaped(one["query"])),
                element("small", escaped(f"{others}; judged {judged}")),
            ],
        ),
        element("p", escaped(_about(one))),
        _hits(one["hits"]),
    ]
    if one["missed"]:
        words = f"Exact, but not among the first ten: {one['missed_in_all']}. The nearest:"
        parts += [element("p", escaped(words)), _hits(one["missed"])]
    return element("details", parts, **({"open": ""} if unfolded else {}))


def _about(one: Record) -> str:
    words = []
    if one["no_confident_match"]:
        words.append("Answered with no confident match: what follows is below every tier.")
    first = next(iter((*one["hits"], *one["missed"])), None)
    if first is not None:
        alpha = "one arm alone" if first["alpha"] is None else f"alpha {first['alpha']}"
        cuts = ", ".join(f"{tier} from {cut:.3f}" for tier, cut in first["thresholds"].items())
        words.append(f"{alpha}; relevance counts as {cuts}.")
    if one["plan"].get("lexical", "").startswith("off"):
        words.append(f"Lexical search: {one['plan']['lexical']}.")
    if one["slices"]:
        words.append(f"Slices: {', '.join(one['slices'])}.")
    return " ".join(words) or "Nothing was found."


def _hits(hits: Sequence[Record]) -> Html:
    rows = [
        [
            escaped("> 100" if hit["rank"] is None else hit["rank"]),
            _badge(hit["grade"]),
            _badge(TIERS.index(hit["tier"])),
            figure(hit["relevance"], 3),
            *(NOTHING if hit[arm] is None else figure(hit[arm], 3) for arm in _ARMS),
            figure(hit["score"], 3),
            figure(hit["p_exact"], 3),
            figure(hit["p_at_least_substitute"], 3),
            element("span", escaped(_short(hit["title"])), title=f"{hit['id']}: {hit['title']}"),
        ]
        for hit in hits
    ]
    return table(_HEADS, rows, texts=(1, 2, 9))


_ARMS = ("semantic", "lexical")
_LONGEST = 80  # characters of a title; all of it shows on pointing at it


def _short(title: str) -> str:
    return title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}…"


def _badge(grade: int | None) -> Html:
    name = "unjudged" if grade is None else TIERS[grade]
    return element("span", escaped(name), class_=f"badge {name}")

"""The worst queries as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from index.calibration import TIERS
from index.evaluating.cells import number


def worst_lines(worst: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each with its first ten hits and the nearest exact products that are not among them."""
    yield f"the {len(worst)} queries of lowest hybrid nDCG@10"
    for one in worst:
        values = ", ".join(f"{mode} {number(value)}" for mode, value in one["ndcg@10"].items())
        yield ""
        yield f"{one['query']!r:.60}: {values}"
        judged = ", ".join(f"{count} {tier}" for tier, count in reversed(one["judged"].items()))
        silent = "; no confident match" if one["no_confident_match"] else ""
        yield f"  judged: {judged}{silent}"
        yield (
            f"  {'#':>4} {'judged':<11}{'said':<11}{'relevance':>9}{'semantic':>9}{'lexical':>8}"
            f"{'p_exact':>8}  title"
        )
        yield from (_line(hit) for hit in one["hits"])
        if one["missed"]:
            yield f"  exact, not among these: {one['missed_in_all']}"
            yield from (_line(hit) for hit in one["missed"])


def _line(hit: Mapping[str, Any]) -> str:
    rank = ">100" if hit["rank"] is None else str(hit["rank"])
    judged = "-" if hit["grade"] is None else TIERS[hit["grade"]]
    title = " ".join(hit["title"].split())[:33]
    return (
        f"  {rank:>4} {judged:<11}{hit['tier']:<11}{hit['relevance']:>9.3f}"
        f"{number(hit['semantic']):>9}{number(hit['lexical']):>8}{hit['p_exact']:>8.3f}  {title}"
    )

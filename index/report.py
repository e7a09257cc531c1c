"""Reports for people: what `gradus search` and `gradus index list` print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import orjson

from index.request import Hit, SearchResult
from index.versions import Version


def answer_table(result: SearchResult) -> str:
    """An answer as a table: rank, tier, relevance, price, title."""
    lines = []
    if result.no_confident_match:
        lines.append(f"no confident match for {result.query.raw!r}")
    if result.hits:
        lines.append(f"{'#':>3}  {'tier':<11}{'relevance':<11}{'price':>9}  title")
        lines += [_hit_line(hit) for hit in result.hits]
    counts = ", ".join(f"{count} {tier}" for tier, count in result.tier_counts.items())
    more = " or more" if result.total.relation == "gte" else ""
    lines.append(
        f"{result.total.value}{more} in all ({counts}); {result.timing_ms['total']:.1f} ms; "
        f"calibration {result.index.calibration}"
    )
    lines += [f"{part}: {note}" for part, note in result.plan.items() if part in {"page", "query"}]
    return "\n".join(lines)


def answer_json(result: SearchResult) -> str:
    """An answer as JSON, indented."""
    return orjson.dumps(asdict(result), option=orjson.OPT_INDENT_2).decode()


def versions_table(versions: Sequence[Version]) -> str:
    """Versions, newest first, the live one marked with a star."""
    return "\n".join(
        f"{'*' if version.live else ' '} {version.name}  "
        + (
            f"damaged: {version.problem}"
            if version.problem
            else f"{version.products:>9,} products  calibration {version.calibration}"
        )
        for version in versions
    )


def _hit_line(hit: Hit) -> str:
    price = hit.product.get("price")
    shown = "" if price is None else f"{price:,.2f}"
    title = str(hit.product.get("title", ""))
    line = f"{hit.rank:>3}  {hit.tier:<11}{hit.relevance:<11.3f}{shown:>9}  {title[:90]}"
    if hit.explain is None:
        return line
    parts = {name: value for name, value in vars(hit.explain).items() if isinstance(value, float)}
    return line + "\n       " + ", ".join(f"{name} {value:.3f}" for name, value in parts.items())

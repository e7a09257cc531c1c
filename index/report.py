"""Reports for people: what `gradus search` and `gradus index list` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import orjson

from index.request import Hit, SearchResult
from index.versions import Version

_TOLD = {"page", "query", "filter", "filter_passing", "rules"}


def answer_table(result: SearchResult) -> str:
    """An answer as a table: rank, tier, relevance, price, title."""
    lines = []
    for correction in result.query.corrections:
        lines.append(f"{correction['from']!r} read as {correction['to']!r}")
    if result.no_confident_match:
        lines.append(f"no confident match for {result.query.raw!r}")
    if result.hits:
        lines.append(f"{'#':>3}  {'tier':<11}{'relevance':<11}{'price':>9}  title")
        lines += [_hit_line(hit) for hit in result.hits]
    lines += [_facet_line(name, values) for name, values in result.facets.items()]
    lines += [
        f"{name}: {stats['min']} to {stats['max']}" for name, stats in result.facet_stats.items()
    ]
    counts = ", ".join(f"{count} {tier}" for tier, count in result.tier_counts.items())
    more = " or more" if result.total.relation == "gte" else ""
    lines.append(
        f"{result.total.value}{more} in all ({counts}); {result.timing_ms['total']:.1f} ms; "
        f"calibration {result.index.calibration}"
    )
    lines += [f"{part}: {note}" for part, note in result.plan.items() if part in _TOLD]
    return "\n".join(lines)


def answer_json(result: SearchResult) -> str:
    """An answer as JSON, indented."""
    hits = [
        {"product" if name == "record" else name: value for name, value in hit._asdict().items()}
        | {"product": hit.product}
        for hit in result.hits
    ]
    # asdict would go into every hit first, and orjson reads dataclasses itself.
    body = {part.name: getattr(result, part.name) for part in fields(result)} | {"hits": hits}
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


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
    if hit.group is not None and hit.group.size > 1:
        line += f"  (+{hit.group.size - 1} of {hit.group.value})"
    if hit.rule is not None:
        line += f"  [{hit.rule}]"
    if hit.explain is None:
        return line
    parts = {name: value for name, value in vars(hit.explain).items() if isinstance(value, float)}
    return line + "\n       " + ", ".join(f"{name} {value:.3f}" for name, value in parts.items())


def _facet_line(name: str, values: Sequence[Mapping[str, Any]]) -> str:
    shown = ", ".join(f"{each['value']} {each['count']}" for each in values[:12])
    more = f" and {len(values) - 12} more" if len(values) > 12 else ""
    return f"{name}: {shown or 'no values'}{more}"

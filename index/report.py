"""Reports for people: what `gradus evaluate`, `gradus search` and `gradus index list` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from index.request import Hit, SearchResult
from index.versions import Version

METRICS = tuple(
    f"{measure}@{depth}" for measure in ("ndcg", "recall", "precision") for depth in (10, 50, 100)
)
_DIFFERENCES = ("ndcg@10", "recall@100")


def evaluation_table(report: Mapping[str, Any]) -> str:
    """The report of `index.evaluate` as a table of means with their intervals."""
    modes = list(report["modes"])
    lines = [
        f"{report['queries']} queries, {report['judged_pairs']:,} judged pairs, "
        f"{report['products']:,} products; index {report['index']}, "
        f"calibration {report['calibration_name']}, alpha {report['alpha']}",
        "",
        " " * 14 + "".join(f"{mode:>24}" for mode in modes),
    ]
    for metric in METRICS:
        cells = [_interval(report["modes"][mode][metric]) for mode in modes]
        lines.append(f"{metric:<14}" + "".join(f"{cell:>24}" for cell in cells))
    lines += ["", "difference to lexical, query by query"]
    for mode, of_mode in report["difference_to_lexical"].items():
        lines += [f"  {mode:<12}{m:<13}{_interval(of_mode[m], '+')}" for m in _DIFFERENCES]
    if "tiers" in report:
        lines += ["", *_pair_lines(report)]
    silent = report["nonsense"]["no_confident_match"]
    lines += ["", f"queries of random letters: {silent:.0%} get no confident match"]
    if any(report["overlap"].values()):
        lines += ["", f"note: {_overlap_note(report['overlap'])}"]
    return "\n".join(lines)


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


def _pair_lines(report: Mapping[str, Any]) -> list[str]:
    tiers, calibration, margins = report["tiers"], report["calibration"], report["margins"]
    lines = [
        f"tiers on {tiers['pairs']:,} judged pairs: accuracy {_number(tiers['accuracy'])}, "
        f"always the most common grade {_number(tiers['majority'])}",
        "  judged \\ said" + "".join(f"{label:>13}" for label in tiers["labels"]),
    ]
    lines += [
        f"  {label:<13}" + "".join(f"{count:>13}" for count in row)
        for label, row in zip(tiers["labels"], tiers["confusion"], strict=True)
    ]
    aucs = ", ".join(f"{cut} {_number(part['auc'])}" for cut, part in calibration["cuts"].items())
    return [
        *lines,
        f"calibration: ECE {_number(calibration['ece'])}, "
        f"Brier skill {_number(calibration['brier_skill'])}; AUC {aucs}",
        f"with products nobody judged: ECE {_number(calibration['with_unjudged']['ece'])}, "
        f"Brier skill {_number(calibration['with_unjudged']['brier_skill'])}, "
        f"{_number(calibration['with_unjudged']['random_kept'])} of random products kept",
        f"margins: average {_number(margins['avg'])}, worst {_number(margins['worst'])}",
    ]


def _interval(record: Mapping[str, float | None], sign: str = "") -> str:
    if record["mean"] is None:
        return "none"
    low, high = record["low"], record["high"]
    return f"{record['mean']:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _overlap_note(overlap: Mapping[str, int]) -> str:
    return (
        f"{overlap['trained']} of these queries trained the encoder, "
        f"{overlap['calibrated']} calibrated this index: their figures flatter"
    )

"""What a build made, in lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from index.build import Built
from index.drift import drift_lines


def summary(built: Built, live: bool) -> list[str]:
    """Products, plan and recall, what tuning tried, storage, calibration, drift, place."""
    dense, calibration = built.quality["dense"], built.quality["calibration"]
    how = "scan" if dense["plan"] == "scan" else f"HNSW graph at ef {dense['ef']}"
    shards = len(dense.get("shards", ()))
    cut = f" in {shards} shards" if shards else ""
    return [
        f"{built.quality['products']:,} products indexed{cut}; {how} finds "
        f"{dense['recall_10']:.4f} of the exact top 10 ({dense['queries']} queries)",
        *_tuned(dense),
        *_stored(dense["shards"] if shards else [dense]),
        f"calibration {calibration['name']}, alpha {calibration['alpha']}{_policy(calibration)}",
        *drift_lines(built.drift),
        f"{'live' if live else 'built, not live'}: {built.directory}",
    ]


def _policy(calibration: dict[str, Any]) -> str:
    return f", policy {calibration['policy']}" if "policy" in calibration else ""


def _tuned(dense: dict[str, Any]) -> list[str]:
    short = min(dense["recall_10"], dense["recall_20"]) < dense["target"]
    lines = [f"note: no breadth reaches recall {dense['target']}"] if short else []
    return lines + [
        f"tried {trial['m']} links, ef_construction {trial['ef_construction']}: "
        f"ef {trial['ef']}, recall@20 {trial['recall_20']:.4f}, "
        f"{trial['microseconds']:.0f} us a search, {trial['seconds']:.1f} s to build"
        for trial in dense["trials"]
    ]


def _stored(parts: Sequence[dict[str, Any]]) -> list[str]:
    stored = [part["stored"] for part in parts]
    if stored[0]["kind"] == "fp32":
        return []
    size = sum(part["bytes"] for part in stored) / 1e6
    overlap = min(part["overlap_20"] for part in stored)
    worst = max(part["largest_error"] for part in stored)
    return [
        f"vectors as {stored[0]['kind']}, {size:.1f} MB: {overlap:.4f} of the nearest 20 of fp32 "
        f"stay, cosines within {worst:.1e}"
    ]

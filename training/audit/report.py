"""What an audit found, as figures and as a trail of every label that was doubted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from catalog.model import Grade, Judgment
from training.audit.decide import Finding, pair_of
from training.audit.engagement import LEVELS, Evidence, Thresholds
from training.audit.settings import AuditSettings
from training.audit.traffic import DEEDS, Floats, Pair, Traffic


def figures(
    labels: Sequence[Judgment],
    drawn: Sequence[Judgment],
    evidence: Mapping[Pair, Evidence],
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """Counts and shares; a share of nothing is None. docs/audit.md names the keys."""
    agreement = agreement_table(drawn, evidence)
    thin = sum(levels["thin"] for levels in agreement.values())
    changed = sum(finding.changed for finding in findings)
    unanswered = sum(finding.answer is None for finding in findings)
    return {
        "labels": len(labels),
        "sampled": len(drawn),
        "with_evidence": len(drawn) - thin,
        "differ": len(findings),
        "unanswered": unanswered,
        "changed": changed,
        "share_differ": _share(len(findings), len(drawn)),
        "share_differ_with_evidence": _share(len(findings), len(drawn) - thin),
        "share_changed": _share(changed, len(findings) - unanswered),
        "agreement": agreement,
        "changes": _changes(findings),
    }


def agreement_table(
    drawn: Iterable[Judgment], evidence: Mapping[Pair, Evidence]
) -> dict[str, dict[str, int]]:
    """Grade (2 first) → level of engagement → how many sampled labels."""
    counts = Counter((label.grade, evidence[pair_of(label)].level) for label in drawn)
    return {
        str(int(grade)): {level: counts[grade, level] for level in LEVELS}
        for grade in sorted(Grade, reverse=True)
    }


def log_figures(traffic: Traffic, examination: Floats, bounds: Thresholds) -> dict[str, Any]:
    """What the log held and what was read from it."""
    period = traffic.period and [when.isoformat() for when in traffic.period]
    return {
        "log": {
            "searches": traffic.searches,
            "pairs_shown": len(traffic.row),
            "showings": int(traffic.shown.sum()),
            **{kind: int(traffic.deeds[kind].sum()) for kind in DEEDS},
            "unplaced": traffic.unplaced,
            "period": period,
        },
        "thresholds": asdict(bounds),
        "examination": [round(float(theta), 4) for theta in examination],
    }


def trail(findings: Iterable[Finding], source: str) -> list[dict[str, Any]]:
    """One record for each label that was sent to the judge, changed or not."""
    return [
        {
            "query": finding.label.query,
            "product_id": finding.label.product_id,
            "old_grade": int(finding.label.grade),
            "old_source": finding.label.source,
            "engagement": _rounded(finding.evidence),
            "judge": source,
            "judge_grade": None if finding.answer is None else int(finding.answer),
            "new_grade": int(finding.grade),
            "changed": finding.changed,
            "why": finding.why,
        }
        for finding in findings
    ]


def summary(report: Mapping[str, Any], settings: AuditSettings) -> str:
    """The figures for people, a few lines."""
    lines = [
        f"{report['sampled']:,} of {report['labels']:,} labels drawn, "
        f"{report['with_evidence']:,} of them examined at least {settings.min_examined:g} times",
        f"{report['differ']:,} contradicted by engagement and sent to the judge: "
        f"{report['changed']:,} changed, {report['unanswered']:,} without an answer",
    ]
    lines += [
        f"grade {grade}: " + ", ".join(f"{count:,} {level}" for level, count in levels.items())
        for grade, levels in report["agreement"].items()
    ]
    return "\n".join(lines)


def _changes(findings: Iterable[Finding]) -> dict[str, int]:
    changes = Counter(
        f"{int(finding.label.grade)} to {int(finding.grade)}"
        for finding in findings
        if finding.changed
    )
    return dict(sorted(changes.items()))


def _rounded(seen: Evidence) -> dict[str, Any]:
    return {
        **asdict(seen),
        "rate": round(seen.rate, 4),
        "interval": [round(bound, 4) for bound in seen.interval],
        "examined": round(seen.examined, 1),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None

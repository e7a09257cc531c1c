"""The audit as a job: read labels and log, ask the judge, write what was found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from catalog.artefact import hash_file, write_manifest, writing
from catalog.issues import Issues
from catalog.judgments import read_judgments, write_judgments
from catalog.model import Judgment
from catalog.ubi import LoggedEvent, LoggedQuery, read_logged_events, read_logged_queries
from training.audit.decide import Finding, StrongerJudge, ask_again, corrected, pair_of, sample
from training.audit.engagement import Evidence, evidence, rates, thresholds
from training.audit.examination import examination
from training.audit.report import figures, log_figures, summary, trail
from training.audit.settings import AuditSettings, check
from training.audit.traffic import Pair, gather

KIND = "audit"
REPORT, TRAIL, QRELS = "report.json", "trail.jsonl", "qrels.tsv"


@dataclass(frozen=True)
class Audit:
    """What was found: a finding for each doubted label, all labels corrected, and the report.

    `evidence` is what the log says of each sampled pair.
    """

    evidence: Mapping[Pair, Evidence]
    findings: tuple[Finding, ...]
    labels: tuple[Judgment, ...]
    report: dict[str, Any]


@dataclass(frozen=True)
class LogFiles:
    """UBI files; one that holds both searches and events is named in both."""

    queries: Sequence[Path]
    events: Sequence[Path]
    strict: bool = False

    def read_queries(self, issues: Issues) -> Iterator[LoggedQuery]:
        """Stream the searches of all files."""
        return chain.from_iterable(
            read_logged_queries(path, strict=self.strict, issues=issues) for path in self.queries
        )

    def read_events(self, issues: Issues) -> Iterator[LoggedEvent]:
        """Stream the events of all files."""
        return chain.from_iterable(
            read_logged_events(path, strict=self.strict, issues=issues) for path in self.events
        )


def audit(
    labels: Sequence[Judgment],
    queries: Iterable[LoggedQuery],
    events: Iterable[LoggedEvent],
    stronger: StrongerJudge,
    settings: AuditSettings,
) -> Audit:
    """Audit labels against a log.

    Raises:
        TrainingError: a setting that cannot be, or a log that says too little.

    """
    check(settings)
    graded = {pair_of(label): label.grade for label in labels}
    traffic = gather(queries, events, {query for query, _ in graded}, settings)
    theta = examination(traffic, settings)
    found = rates(traffic, theta, settings)
    bounds = thresholds(traffic, found, graded, settings)
    drawn = sample(labels, settings.share, settings.seed)
    seen: dict[Pair, Evidence] = {
        pair_of(label): evidence(pair_of(label), traffic, found, bounds, settings)
        for label in drawn
    }
    findings = ask_again(drawn, seen, stronger)
    report = {
        **figures(labels, drawn, seen, findings),
        **log_figures(traffic, theta, bounds),
        "judge": stronger.source,
        "settings": asdict(settings),
    }
    after = corrected(labels, findings, f"audit:{stronger.source}")
    return Audit(seen, findings, tuple(after), report)


def read_labels(path: Path, *, strict: bool, say: Callable[[str], None]) -> list[Judgment]:
    """The judgments of a file; what is wrong in it is said. Raises JudgmentError."""
    issues = Issues()
    labels = list(read_judgments(path, strict=strict, issues=issues))
    if issues.total:
        say(f"{path}: {issues.summary()}")
    return labels


def run_audit(
    qrels: Path,
    log: LogFiles,
    stronger: Callable[[Sequence[Judgment]], StrongerJudge],
    out: Path,
    settings: AuditSettings,
    say: Callable[[str], None],
) -> Audit:
    """Audit the labels of `qrels` and write `out` as an artefact; an older one there is replaced.

    `stronger` is called with the labels and gives the judge that is asked about doubtful ones.

    Raises:
        JudgmentError, CatalogError: a file cannot be used.
        TrainingError: as `audit`.
        BundleError: something other than an artefact is at `out`; said before the log is read.

    """
    check(settings)
    with writing(out, KIND) as directory:
        labels = read_labels(qrels, strict=log.strict, say=say)
        judge = stronger(labels)
        asked, followed = Issues(), Issues()
        done = audit(labels, log.read_queries(asked), log.read_events(followed), judge, settings)
        for name, issues in (("searches", asked), ("events", followed)):
            say(f"{name}: {issues.summary()}")
        (directory / REPORT).write_text(json.dumps(done.report, indent=2) + "\n", encoding="utf-8")
        with (directory / TRAIL).open("wb") as stream:
            stream.writelines(orjson.dumps(r) + b"\n" for r in trail(done.findings, judge.source))
        write_judgments(directory / QRELS, done.labels)
        parents = {"qrels": hash_file(qrels), "judge": judge.fingerprint}
        for name, paths in (("queries", log.queries), ("events", log.events)):
            parents |= {f"{name} {n}": hash_file(path) for n, path in enumerate(paths, start=1)}
        write_manifest(
            directory,
            KIND,
            parents=parents,
            config=asdict(settings),
            quality={key: done.report[key] for key in ("differ", "changed", "share_differ")},
        )
    say(summary(done.report, settings))
    return done

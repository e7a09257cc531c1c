"""How well the engagement audit finds wrong labels, by traffic, on the made-up shop.

    OMP_NUM_THREADS=1 python benchmarks/audit_demo.py --out benchmarks/audit_demo.json

A made-up shop (seed 11; the defaults were chosen on seed 7) with 200 training queries and 8,000
labels, 10 % of them made wrong, and one log of which ever longer beginnings are read. Every label
is sampled (`share = 1`), so recall is of all wrong labels; the default sample is measured beside.

Two stronger judges. `true` knows the policy's grades: what it changes is right by construction, so
`precision` and `recall` measure whom the audit chose to ask. `erring` gives a wrong grade to 12.4 %
of pairs, as often as the labeller of arXiv:2602.17654, but at random. `random` is the share of
wrong labels among all: the precision of asking about labels drawn by lot.

The last part repeats the measurement on a shop of 500 products, where few queries have exact ones.

Variants, at the full log: examination estimated from the log (the default), the curve 1/k, and no
correction for position at all.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from catalog.demo import QueryCounts, generate
from catalog.demo.engagement import EXAMINED
from catalog.demo.engagement_log import EVENT_LOG, QUERY_LOG, write_logs
from catalog.demo.label_noise import with_label_noise
from catalog.issues import Issues
from catalog.model import Grade, Judgment
from training.audit.decide import pair_of, people
from training.audit.job import Audit, LogFiles, audit
from training.audit.settings import AuditSettings

SEED, NOISE, JUDGE_NOISE = 11, 0.1, 0.124
COUNTS = QueryCounts(train=200, calibration=50, test=50)
SMALL_COUNTS, SMALL_SEARCHES = QueryCounts(train=60, calibration=20, test=20), 60_000
SEARCHES = (10_000, 30_000, 100_000, 300_000)
EXAMINED_FROM = (0, 20, 50, 100, 200, 500)  # showings examined: bounds of the table
CONFIDENCES = (0.0, 0.5, 0.9)
ALL = AuditSettings(share=1.0)
VARIANTS = {
    "log": ALL,
    "curve 1/k": replace(ALL, examination="curve"),
    "no correction": replace(ALL, examination="curve", slope=0.0),
}


class Bench:
    """The shop, its true and its wrong labels, and its log on disk."""

    def __init__(self, directory: Path, searches: int, products: int, counts: QueryCounts) -> None:
        shop = generate(SEED, products, counts=counts)
        self.true = shop.judgments["train"]
        self.labels = with_label_noise(self.true, NOISE, Random(f"{SEED}:label noise"))
        self.erring = with_label_noise(self.true, JUDGE_NOISE, Random(f"{SEED}:judge"))
        self.truth = {pair_of(judgment): judgment.grade for judgment in self.true}
        self._log = LogFiles([directory / QUERY_LOG], [directory / EVENT_LOG], strict=True)
        write_logs(shop, directory, searches, SEED)

    def audit(self, searches: int, judge: Sequence[Judgment], settings: AuditSettings) -> Audit:
        queries = islice(self._log.read_queries(Issues()), searches)
        events = self._log.read_events(Issues())
        return audit(self.labels, queries, events, people(judge, self.labels), settings)

    def wrong(self, label: Judgment) -> bool:
        return self.truth[pair_of(label)] != label.grade

    def measure(self, done: Audit) -> dict[str, Any]:
        """Precision and recall of the doubts; kinds are `true grade as label`."""
        asked = [finding.label for finding in done.findings]
        found = [label for label in asked if self.wrong(label)]
        wrong = [label for label in self.labels if self.wrong(label)]
        auditable = [label for label in wrong if label.grade is not Grade.SUBSTITUTE]
        kinds, caught = Counter(map(self._kind, auditable)), Counter(map(self._kind, found))
        return {
            "with_evidence": done.report["with_evidence"],
            "asked": len(asked),
            "precision": share(len(found), len(asked)),
            "recall": share(len(found), len(wrong)),
            "recall_of_labels_0_and_2": share(len(found), len(auditable)),
            "recall_by_kind": {kind: share(caught[kind], kinds[kind]) for kind in sorted(kinds)},
        }

    def by_examined(self, searches: int) -> list[dict[str, Any]]:
        """Precision and recall among labels 0 and 2 by how often their pair was examined."""
        done = self.audit(searches, self.true, ALL)
        asked = {pair_of(finding.label) for finding in done.findings}
        rows = []
        for low, high in zip(EXAMINED_FROM, (*EXAMINED_FROM[1:], float("inf")), strict=True):
            within = [
                label
                for label in self.labels
                if label.grade is not Grade.SUBSTITUTE
                and low <= done.evidence[pair_of(label)].examined < high
            ]
            wrong = [label for label in within if self.wrong(label)]
            sent = [label for label in within if pair_of(label) in asked]
            caught = [label for label in sent if self.wrong(label)]
            rows.append(
                {
                    "examined_from": low,
                    "labels": len(within),
                    "wrong": len(wrong),
                    "asked": len(sent),
                    "precision": share(len(caught), len(sent)),
                    "recall": share(len(caught), len(wrong)),
                }
            )
        return rows

    def measure_changes(self, done: Audit) -> dict[str, Any]:
        """What the changes did to the labels, whoever made them."""
        changed = [finding for finding in done.findings if finding.changed]
        right = sum(finding.grade == self.truth[pair_of(finding.label)] for finding in changed)
        return {
            "changed": len(changed),
            "precision": share(right, len(changed)),
            "mended": right,
            "broken": sum(not self.wrong(finding.label) for finding in changed),
            "wrong_before": sum(map(self.wrong, self.labels)),
            "wrong_after": sum(map(self.wrong, done.labels)),
        }

    def _kind(self, label: Judgment) -> str:
        return f"{int(self.truth[pair_of(label)])} as {int(label.grade)}"


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    traffic: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), SEARCHES[-1], 10_000, COUNTS)
        for searches in SEARCHES:
            began = perf_counter()
            done = bench.audit(searches, bench.true, ALL)
            seconds = round(perf_counter() - began, 1)
            erring = bench.audit(searches, bench.erring, ALL)
            traffic[str(searches)] = {
                "searches_of_labelled_queries": done.report["log"]["searches"],
                "clicks": done.report["log"]["clicks"],
                **bench.measure(done),
                "changes_by_true_judge": bench.measure_changes(done),
                "changes_by_erring_judge": bench.measure_changes(erring),
                "agreement": done.report["agreement"],
                "thresholds": done.report["thresholds"],
                "examination": done.report["examination"][:20],
                "seconds": seconds,
            }
            print(searches, json.dumps(traffic[str(searches)]), flush=True)
        variants = {
            name: bench.measure(bench.audit(SEARCHES[-1], bench.true, settings))
            for name, settings in VARIANTS.items()
        }
        confidence = {
            str(sure): bench.measure(
                bench.audit(SEARCHES[-1], bench.true, replace(ALL, confidence=sure))
            )
            for sure in CONFIDENCES
        }
        by_examined = bench.by_examined(SEARCHES[-1])
        shipped = bench.audit(SEARCHES[-1], bench.true, AuditSettings())
        default = {**bench.measure(shipped), "sampled": shipped.report["sampled"]}
        small = Bench(Path(directory), SMALL_SEARCHES, 500, SMALL_COUNTS)
        sparse = small.measure(small.audit(SMALL_SEARCHES, small.true, ALL))
    report = {
        "command": " ".join(sys.argv),
        "python": platform.python_version(),
        "labels": len(bench.labels),
        "label_noise": NOISE,
        "judge_noise": JUDGE_NOISE,
        "random": share(sum(map(bench.wrong, bench.labels)), len(bench.labels)),
        "true_examination": [round(k**-EXAMINED, 4) for k in range(1, 21)],
        "settings": {name: str(getattr(ALL, name)) for name in ALL.__dataclass_fields__},
        "traffic": traffic,
        "by_examined_at_full_log": by_examined,
        "default_sample_at_full_log": default,
        "variants_at_full_log": variants,
        "confidence_at_full_log": confidence,
        "small_shop": {"labels": len(small.labels), "searches": SMALL_SEARCHES, **sparse},
    }
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

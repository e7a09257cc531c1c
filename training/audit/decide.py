"""Whom to ask again, and what becomes of the answer. Pure: no files, no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from catalog.model import Grade, Judgment
from catalog.text import normalise
from training.audit.engagement import Evidence, Level
from training.audit.traffic import Pair
from training.judge import HumanJudge, Judge

# Which engagement contradicts which label (arXiv:2602.17654). Grade 1 contradicts neither.
CONTRADICTS: Mapping[Grade, Level] = {Grade.IRRELEVANT: "high", Grade.EXACT: "low"}


@dataclass(frozen=True)
class StrongerJudge:
    """A judge to ask again: how it knows products (id → position), its name in files.

    `fingerprint` is the sha256 of what it was made from.
    """

    judge: Judge
    position: Mapping[str, int]
    source: str
    fingerprint: str = ""


@dataclass(frozen=True)
class Finding:
    """A label that shoppers contradict, and the stronger judge's answer, None where it has none."""

    label: Judgment
    evidence: Evidence
    answer: Grade | None

    @property
    def changed(self) -> bool:
        """Whether the judge knows better than the label."""
        return self.answer is not None and self.answer != self.label.grade

    @property
    def grade(self) -> Grade:
        """The grade from now on: the judge's where it has one."""
        return self.label.grade if self.answer is None else self.answer

    @property
    def why(self) -> str:
        """One line for people."""
        doubt = f"{self.evidence.level} engagement contradicts grade {int(self.label.grade)}; "
        if self.answer is None:
            return doubt + "the judge cannot tell, so it stays"
        if self.changed:
            return doubt + f"the judge says {int(self.answer)}"
        return doubt + "the judge confirms it"


def pair_of(label: Judgment) -> Pair:
    """How a label is known to the log."""
    return normalise(label.query), label.product_id


def sample(labels: Sequence[Judgment], share: float, seed: int) -> list[Judgment]:
    """The `round(share * n)` labels whose seeded hash is smallest, in their order.

    The order of the labels does not matter, nor do their grades; a larger share only adds.
    """
    ranked = sorted(labels, key=lambda label: _hash(label, seed))
    chosen = {pair_of(label) for label in ranked[: round(share * len(labels))]}
    return [label for label in labels if pair_of(label) in chosen]


def ask_again(
    labels: Iterable[Judgment], evidence: Mapping[Pair, Evidence], stronger: StrongerJudge
) -> tuple[Finding, ...]:
    """Send the labels that engagement contradicts, and no others, to the stronger judge."""
    doubted = [label for label in labels if contradicted(label, evidence[pair_of(label)])]
    known = [label for label in doubted if label.product_id in stronger.position]
    grades = stronger.judge.grade(
        [(label.query, stronger.position[label.product_id]) for label in known]
    )
    answers = {pair_of(label): grade for label, grade in zip(known, grades, strict=True)}
    findings = []
    for label in doubted:
        answer = answers.get(pair_of(label))
        findings.append(
            Finding(label, evidence[pair_of(label)], None if answer is None else Grade(answer))
        )
    return tuple(findings)


def contradicted(label: Judgment, seen: Evidence) -> bool:
    """Whether what shoppers did speaks against the label."""
    return CONTRADICTS.get(label.grade) == seen.level


def corrected(
    labels: Iterable[Judgment], findings: Iterable[Finding], source: str
) -> list[Judgment]:
    """All labels in their order, changed ones with the judge's grade and `source`."""
    changed = {pair_of(finding.label): finding.grade for finding in findings if finding.changed}
    return [
        replace(label, grade=changed[pair_of(label)], source=source)
        if pair_of(label) in changed
        else label
        for label in labels
    ]


def people(
    judgments: Iterable[Judgment], labels: Iterable[Judgment], fingerprint: str = ""
) -> StrongerJudge:
    """Judgments by people as the stronger judge of `labels`, however either spells a query."""
    position: dict[str, int] = {}
    graded: dict[str, dict[int, int]] = {}
    for judgment in judgments:
        row = position.setdefault(judgment.product_id, len(position))
        graded.setdefault(normalise(judgment.query), {})[row] = int(judgment.grade)
    spelt = {label.query: graded.get(normalise(label.query), {}) for label in labels}
    return StrongerJudge(HumanJudge(spelt), position, "human", fingerprint)


def _hash(label: Judgment, seed: int) -> bytes:
    key = "\0".join((str(seed), *pair_of(label)))
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()

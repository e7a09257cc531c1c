"""What was wrong in a file: counted, first examples kept, fatal where the caller says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from catalog.errors import GradusError

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong in one line. `kind` is a stable name such as `duplicate id`."""

    kind: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Issues:
    """The tally of one or more readings; hand the same one to several readers to add them up.

    `kept` counts records that came out, `skipped` those that an issue kept back, `left_out` those
    that the caller's own filter left out (no issue). `counts` maps a kind to how often it was met;
    a record that came out with a flaw (a price that is no number) counts there, too. `examples`
    holds the first three of each kind.
    """

    kept: int = 0
    skipped: int = 0
    left_out: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Issue]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many issues of all kinds."""
        return self.counts.total()

    def so_far(self) -> Issues:
        """The figures of now, to compare with later."""
        return Issues(self.kept, self.skipped, self.left_out)

    def add(self, issue: Issue) -> None:
        """Count an issue and keep it if it is among the first of its kind."""
        self.counts[issue.kind] += 1
        examples = self.examples.setdefault(issue.kind, [])
        if len(examples) < EXAMPLES:
            examples.append(issue)

    def summary(self) -> str:
        """A line of figures, then one line for each kind with its first example."""
        head = f"{self.kept:,} read, {self.skipped:,} skipped"
        if self.left_out:
            head += f", {self.left_out:,} left out by the filter"
        lines = [
            f"  {kind}: {count:,}, first {self.examples[kind][0]}"
            for kind, count in self.counts.most_common()
        ]
        return "\n".join([head, *lines])


@dataclass(frozen=True)
class Reporter:
    """Where a reader says what is wrong with `path`: to the tally, or `error` when `strict`."""

    path: Path
    error: type[GradusError]
    issues: Issues
    strict: bool = False

    def skip(self, kind: str, line: int, what: str) -> None:
        """Report a record that does not come out. Raises `error` when strict."""
        self._report(Issue(kind, f"{self.path}:{line}", what))
        self.issues.skipped += 1

    def flaw(self, kind: str, line: int, what: str) -> None:
        """Report a record that comes out without the part at fault. Raises `error` when strict."""
        self._report(Issue(kind, f"{self.path}:{line}", what))

    def refuse(
        self, what: str, *, line: int = 0, expected: str = "", found: str = "", hint: str = ""
    ) -> NoReturn:
        """Raise `error`: the file as a whole cannot be used, strict or not."""
        where = f"{self.path}:{line}" if line else str(self.path)
        raise self.error(what, where=where, expected=expected, found=found, hint=hint)

    def refuse_if_nothing(self, noun: str, before: Issues, hint: str) -> None:
        """Raise `error` when the file gave nothing since `before`: never a silent empty result."""
        now = self.issues
        if now.kept > before.kept:
            return
        found = f"{now.skipped - before.skipped:,} skipped"
        if left_out := now.left_out - before.left_out:
            found += f", {left_out:,} left out by the filter"
        here = f"{self.path}:"
        first = (kind[0] for kind in now.examples.values() if kind[0].where.startswith(here))
        if example := next(first, None):
            found += f"; first {example}"
        self.refuse(f"the file gave no {noun}", found=found, hint=hint)

    def _report(self, issue: Issue) -> None:
        if self.strict:
            raise self.error(issue.what, where=issue.where)
        self.issues.add(issue)

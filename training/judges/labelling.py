"""Grades for many pairs, written as they come, so that what was paid for is never asked twice."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from catalog.errors import JudgmentError
from catalog.issues import Issues
from catalog.model import Grade, Judgment, Product
from catalog.readers import read_judgments, write_judgments
from training.judge import Judge
from training.judges.candidates import read_candidates
from training.judges.inputs import read_goods
from training.judges.opening import OpenJudge

_HEADER = "query\tproduct_id\tgrade\tsource\n"
_AT_ONCE = 1000  # enough to keep many requests under way
Pair = tuple[str, str]


@dataclass(frozen=True)
class Labelled:
    """How labelling went: graded in all, graded before this run, without an answer, not asked."""

    graded: int
    before: int
    unanswered: int
    left: int


def label(
    pairs: Sequence[Pair],
    position: Mapping[str, int],
    judge: Judge,
    out: Path,
    *,
    source: str,
    stopped: Callable[[], str] = lambda: "",
    say: Callable[[str], None],
) -> Labelled:
    """Grade `pairs` (query, product id) and write them to `out` as judgments, in their order.

    What is graded goes to `NAME.partial.tsv` beside `out` at once; a run that finds one goes on
    there. The file becomes `out` when nothing is left to ask. A pair without an answer is left out:
    a gap is honest, a guess is not.

    Args:
        pairs: distinct.
        position: product id → position, as the judge knows products.
        judge: who grades.
        out: TSV to write; what is there is replaced at the end.
        source: who graded, for the column of that name.
        stopped: why the judge asks no more, empty while it does.
        say: progress.

    Raises:
        JudgmentError: no pair was graded, `out` is no TSV, or what an earlier run left beside it
            cannot be read or is another judge's.

    """
    if out.suffix != ".tsv":
        raise JudgmentError("judgments are written as TSV", where=out, expected="a name in .tsv")
    partial = out.with_name(f"{out.stem}.partial.tsv")
    out.parent.mkdir(parents=True, exist_ok=True)
    done = _earlier(partial, source)
    wanted = [pair for pair in pairs if pair not in done]
    before = len(pairs) - len(wanted)
    if before:
        say(f"goes on: {before:,} of {len(pairs):,} pairs are in {partial}")
    tried = 0
    with partial.open("a", encoding="utf-8", newline="") as stream:
        for start in range(0, len(wanted), _AT_ONCE):
            chunk = wanted[start : start + _AT_ONCE]
            grades = judge.grade([(query, position[product]) for query, product in chunk])
            graded = {p: g for p, g in zip(chunk, grades, strict=True) if g is not None}
            _append(stream, graded, source)
            done |= graded
            if stopped():
                break
            tried = start + len(chunk)
            say(f"  {tried:,} of {len(wanted):,} pairs")
    graded_here = sum(pair in done for pair in wanted)
    left = [pair for pair in wanted[tried:] if pair not in done]
    unanswered = len(wanted) - graded_here - len(left)
    if not left:
        _finish(partial, out, pairs, done, source)
    return Labelled(before + graded_here, before, unanswered, len(left))


def label_file(
    opened: Callable[[Sequence[Product]], AbstractContextManager[OpenJudge]],
    *,
    products: Sequence[Path],
    candidates: Path,
    layout: str | None,
    strict: bool,
    out: Path,
    say: Callable[[str], None],
) -> None:
    """Have a judge grade every pair of a candidate file; what `gradus judge label` runs.

    Raises:
        CatalogError, JudgmentError: an input file, or what an earlier run left, cannot be used.
        TrainingError, BundleError: the judge cannot be used.

    """
    issues = Issues()
    goods = read_goods(products, layout, strict=strict, issues=issues)
    position = {product.id: place for place, product in enumerate(goods)}
    pairs = list(read_candidates(candidates, position, strict=strict, issues=issues))
    if issues.total:
        say(issues.summary())
    with opened(goods) as judge:
        done = label(
            pairs,
            position,
            judge.judge,
            out,
            source=judge.source,
            stopped=judge.stopped,
            say=say,
        )
        if judge.spent():
            say(judge.spent())
        if done.left:
            say(f"stopped: {judge.stopped()}. {done.left:,} pairs are left; start again to go on")
        else:
            say(f"wrote {out}: {done.graded:,} judgments, {done.unanswered:,} pairs unanswered")


def _earlier(partial: Path, source: str) -> dict[Pair, int]:
    """What an earlier run left; a last line that a kill tore is cut off."""
    if not partial.exists():
        return {}
    body = partial.read_bytes()
    if not body.endswith(b"\n"):
        os.truncate(partial, body.rfind(b"\n") + 1)
    if body.count(b"\n") < 2:  # at most the header
        os.truncate(partial, 0)
        return {}
    judgments = list(read_judgments(partial, strict=True, issues=Issues()))
    if other := next((one.source for one in judgments if one.source != source), ""):
        raise JudgmentError(
            "another judge began this file",
            where=partial,
            expected=source,
            found=other,
            hint="Remove it to start anew, or go on with that judge.",
        )
    return {(one.query, one.product_id): int(one.grade) for one in judgments}


def _append(stream: TextIO, graded: Mapping[Pair, int], source: str) -> None:
    if stream.tell() == 0:
        stream.write(_HEADER)
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    writer.writerows((*pair, grade, source) for pair, grade in graded.items())
    stream.flush()


def _finish(
    partial: Path, out: Path, pairs: Sequence[Pair], done: Mapping[Pair, int], source: str
) -> None:
    graded = [pair for pair in pairs if pair in done]
    if not graded:
        raise JudgmentError(
            "no pair was graded", where=out, hint="See what the judge answers, or lower its floor."
        )
    temporary = out.with_name(f".{out.name}.tmp")
    write_judgments(temporary, (Judgment(*pair, Grade(done[pair]), source) for pair in graded))
    os.replace(temporary, out)
    partial.unlink()

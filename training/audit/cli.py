"""`gradus audit`: labels that shoppers contradict, asked again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from catalog.artefact import hash_file
from catalog.errors import TrainingError
from catalog.model import Judgment
from training.audit.decide import StrongerJudge, people
from training.audit.job import LogFiles, read_labels, run_audit
from training.audit.settings import AuditSettings, changed

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def audit(
    qrels: Annotated[Path, typer.Option(help="Labels to audit: query, product_id, grade.")],
    log_queries: Annotated[
        list[Path], typer.Option(help="Searches in UBI's fields (ubi_queries); may be repeated.")
    ],
    log_events: Annotated[
        list[Path], typer.Option(help="Events in UBI's fields (ubi_events); may be repeated.")
    ],
    judgments: Annotated[
        Path, typer.Option(help="Judgments by people to consult about doubtful labels.")
    ],
    out: Annotated[Path, typer.Option(help="Directory for report, trail and corrected labels.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: name=value.")
    ] = None,
    *,
    strict: Annotated[bool, typer.Option(help="Stop at the first broken line.")] = False,
) -> None:
    """Compare labels with what shoppers did, and ask a better judge where they contradict.

    A label is never changed by engagement alone. docs/audit.md has the settings and the files.
    """
    settings = changed(AuditSettings(), dict(_pair(text) for text in set_ or []))

    def stronger(labels: Sequence[Judgment]) -> StrongerJudge:
        known = read_labels(judgments, strict=strict, say=_say)
        return people(known, labels, hash_file(judgments))

    run_audit(qrels, LogFiles(log_queries, log_events, strict), stronger, out, settings, _say)
    _say(f"wrote {out}")


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise TrainingError("cannot read a --set option", expected="name=value", found=repr(text))
    return name, value

"""`gradus audit`: labels that shoppers contradict, asked again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from catalog.artefact import hash_file
from catalog.errors import TrainingError
from catalog.model import Judgment
from catalog.readers import read_products
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
    out: Annotated[Path, typer.Option(help="Directory for report, trail and corrected labels.")],
    judgments: Annotated[
        Path | None, typer.Option(help="Judgments by people to consult about doubtful labels.")
    ] = None,
    judge: Annotated[
        Path | None,
        typer.Option(
            help="Or a judge to ask: a cross-encoder's directory, a language model's TOML."
        ),
    ] = None,
    products: Annotated[
        list[Path] | None, typer.Option(help="Product files that --judge reads; may be repeated.")
    ] = None,
    layout: Annotated[str | None, typer.Option(help="Layout of the product files.")] = None,
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
    if (judgments is None) == (judge is None) or (judge is not None and not products):
        raise TrainingError(
            "who is to be asked about doubtful labels?",
            expected="--judgments FILE, or --judge PATH with the --products it reads",
        )
    with ExitStack() as open_judges:

        def stronger(labels: Sequence[Judgment]) -> StrongerJudge:
            if judgments is not None:
                known = read_labels(judgments, strict=strict, say=_say)
                return people(known, labels, hash_file(judgments))
            from training.judges.opening import open_judge

            assert judge is not None
            goods = [product for path in products or () for product in read_products(path, layout)]
            opened = open_judges.enter_context(open_judge(judge, goods))
            position = {product.id: row for row, product in enumerate(goods)}
            return StrongerJudge(opened.judge, position, opened.source, opened.source)

        run_audit(qrels, LogFiles(log_queries, log_events, strict), stronger, out, settings, _say)
    _say(f"wrote {out}")


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise TrainingError("cannot read a --set option", expected="name=value", found=repr(text))
    return name, value

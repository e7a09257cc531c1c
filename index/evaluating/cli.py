"""The verb `gradus evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.errors import GradusError

evaluate_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_SIDES = (
    "--index X --compare Y, where Y is an index or a file of --per-query; or two such files, "
    "--compare A B; or two indexes, --compare A B --qrels JUDGMENTS"
)


@evaluate_app.command()
def evaluate(
    beside: Annotated[
        Path | None, typer.Argument(metavar="B", help="Second side of --compare A B.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="An index root (its live version), or one version in it.")
    ] = None,
    qrels: Annotated[
        Path | None, typer.Option(help="Judgments: TSV of query, product_id, esci|grade|label.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the report as JSON here.")] = None,
    per_query: Annotated[
        Path | None,
        typer.Option(help="Write the figures of each query and mode here: .tsv or .json."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the report as a page here, for any browser.")
    ] = None,
    reliability: Annotated[
        Path | None,
        typer.Option(help="Draw what was said against what was so here, as a PNG with bands."),
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(
            help="Compare with this index, or file of --per-query, query by query. Without "
            "--index, as --compare A B: two such files, or with --qrels two indexes."
        ),
    ] = None,
    worst: Annotated[
        int | None,
        typer.Option(
            help="Print so many of the worst queries with their hits. The JSON report and the page "
            "have ten unless told otherwise."
        ),
    ] = None,
    misspell: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Ask again with one letter wrong in every query."),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(help="Query file with frequency, kind or both: slices by demand and kind."),
    ] = None,
    allow_in_sample: Annotated[
        bool,
        typer.Option(
            "--allow-in-sample", help="Judge by queries that trained or calibrated the index."
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first broken line instead of skipping it.")
    ] = False,
) -> None:
    """Measure an index against judgments: retrieval by mode, slices, tiers, calibration.

    Every figure with its interval, and beside that of either arm alone, query by query.
    """
    index, others = _sides(index, compare or [], beside, judged=qrels is not None)
    for target in (out, per_query, html, reliability):
        if target is not None:
            _check_target(target)
    if index is None:
        given = [qrels, per_query, html, reliability, worst, misspell, queries]
        _compare_files(others, out, given)
        return
    if qrels is None:
        raise GradusError("--qrels is missing", expected="a judgment file to measure by")
    if len(others) > 1:
        raise GradusError("--compare has two sides beside --index", expected=_SIDES)
    from index.evaluate import evaluate_index
    from index.evaluating.extras import extras_of
    from index.evaluating.table_file import write_figures
    from index.evaluating.text import evaluation_table

    extras, about_queries = extras_of(worst, misspell, queries)
    other = others[0] if others else None
    found, notes = evaluate_index(
        index,
        qrels,
        strict=strict,
        extras=extras,
        other=other,
        allow_in_sample=allow_in_sample,
    )
    _write_json(out, found.report)
    if per_query is not None:
        write_figures(per_query, found.figures)
    if html is not None:
        from catalog.pages.whole import write_page
        from index.evaluating.page import evaluation_page

        write_page(html, evaluation_page(found.report))
    if reliability is not None:
        from index.reliability import draw_reliability

        draw_reliability(found.panels, reliability)
    for note in (*about_queries, *notes):
        typer.echo(note, err=True)
    typer.echo(evaluation_table(found.report, worst=bool(worst)))


def _sides(
    index: Path | None, named: list[Path], beside: Path | None, *, judged: bool
) -> tuple[Path | None, list[Path]]:
    """What to measure and what to hold it against, however the pair was named."""
    if beside is not None and not named:
        raise GradusError(
            "what is this?", found=str(beside), expected=f"options: --index, {_SIDES}"
        )
    others = named if beside is None else [*named, beside]
    if index is None and judged and len(others) == 2 and others[0].is_dir():
        return others[0], others[1:]
    return index, others


def _compare_files(others: list[Path], out: Path | None, given: list[Any]) -> None:
    if len(others) != 2 or any(other.is_dir() for other in others):
        raise GradusError("there is nothing to evaluate", expected=f"--index, or {_SIDES}")
    if any(value is not None for value in given):
        raise GradusError(
            "two files of per-query figures are compared as they are",
            expected="--compare A B, and --out if wanted",
            hint="Add --index to measure an index.",
        )
    from index.evaluate import compare_files
    from index.evaluating.text import comparison_table

    comparison = compare_files(*others)
    _write_json(out, comparison)
    typer.echo(comparison_table(comparison))


def _write_json(path: Path | None, values: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(values, indent=2) + "\n")


def _check_target(path: Path) -> None:
    """Refuse a target that cannot be written before minutes of measuring, not after."""
    if path.is_dir():
        raise GradusError("this is a directory", where=path, expected="the path of a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)

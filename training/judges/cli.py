"""`gradus judge`: train a judge, say how good one is, have one grade pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalog.model import Product

if TYPE_CHECKING:
    from training.judges.opening import OpenJudge

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Who says how well a product answers a query: train, measure and use judges.",
)

Products = Annotated[
    list[Path], typer.Option(help="Product file (JSONL, CSV, TSV, Parquet); may be repeated.")
]
Layout = Annotated[
    str | None, typer.Option(help="Layout of the product files: a name or a TOML file.")
]
JudgePath = Annotated[
    Path,
    typer.Option(
        "--judge", help="Directory of a trained judge, TOML file with [judge], or judgments."
    ),
]
Floor = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="No answer below this probability (trained judges)."),
]
MaxRequests = Annotated[
    int | None, typer.Option(min=1, help="Instead of the file's max_requests (language models).")
]
MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Instead of the file's max_tokens (language models).")
]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes all cores.")]
Strict = Annotated[bool, typer.Option(help="Stop at the first broken line.")]


@app.command()
def train(
    products: Products,
    qrels: Annotated[list[Path], typer.Option(help="Human judgments; may be repeated.")],
    base: Annotated[
        str, typer.Option(help="Hub id or path of a pretrained encoder, or a Gradus checkpoint.")
    ],
    out: Annotated[Path, typer.Option(help="Directory of the judge to write.")],
    extra_qrels: Annotated[
        list[Path] | None, typer.Option(help="Judgments that teach but never measure.")
    ] = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(help="Judgments whose queries must not be trained on; a leak is refused."),
    ] = None,
    layout: Layout = None,
    dev_fraction: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the queries kept for the report.")
    ] = 0.2,
    epochs: Annotated[float, typer.Option(min=0.001, help="Times that each pair is seen.")] = 4.0,
    batch: Annotated[int, typer.Option(min=1, help="Pairs a step.")] = 32,
    learning_rate: Annotated[float, typer.Option(min=1e-9, help="At its highest.")] = 5e-5,
    balance: Annotated[
        float, typer.Option(min=0, max=1, help="0: grades as frequent as they are; 1: all alike.")
    ] = 0.5,
    max_tokens: Annotated[int, typer.Option(min=8, help="Longest pair; longer are cut.")] = 128,
    description_words: Annotated[
        int, typer.Option(min=0, help="First words of the description that it reads.")
    ] = 40,
    floor: Annotated[
        float, typer.Option(min=0, max=1, help="No answer below this probability.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of split, head, order and dropout.")] = 7,
    threads: Threads = 0,
    *,
    bf16: Annotated[bool, typer.Option(help="bfloat16 where the processor has it.")] = False,
    strict: Strict = False,
) -> None:
    """Fine-tune a cross-encoder on human judgments and measure it on queries kept out."""
    from catalog.template import TextTemplate
    from training.corpus import CorpusFiles
    from training.judges.cross_settings import CrossSpec, CrossTraining
    from training.judges.job import train_judge

    train_judge(
        CrossTraining(
            base=base,
            epochs=epochs,
            batch=batch,
            learning_rate=learning_rate,
            balance=balance,
            bf16=bf16,
            seed=seed,
        ),
        CrossSpec(max_tokens, floor, TextTemplate(description_words=description_words)),
        CorpusFiles(
            products=products,
            qrels=qrels,
            extra_qrels=extra_qrels or (),
            held_out=held_out or (),
            layout=layout,
            strict=strict,
        ),
        out,
        dev_fraction=dev_fraction,
        threads=threads,
        say=_say,
    )


@app.command()
def report(
    judge_path: JudgePath,
    products: Products,
    qrels: Annotated[
        list[Path], typer.Option(help="Human judgments that the judge has never seen.")
    ],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    train_qrels: Annotated[
        list[Path] | None, typer.Option(help="Judgments of other queries; the baselines' own.")
    ] = None,
    layout: Layout = None,
    floor: Floor = None,
    max_requests: MaxRequests = None,
    max_tokens: MaxTokens = None,
    *,
    strict: Strict = False,
) -> None:
    """Compare a judge with people, and with what a judge has to beat."""
    from training.judges.measuring import report_on

    report_on(
        _opener(judge_path, floor, max_requests, max_tokens),
        products=products,
        qrels=qrels,
        train_qrels=train_qrels or (),
        layout=layout,
        strict=strict,
        out=out,
        say=_say,
    )


@app.command()
def label(
    judge_path: JudgePath,
    products: Products,
    candidates: Annotated[Path, typer.Option(help="Pairs to grade: query, product_id.")],
    out: Annotated[Path, typer.Option(help="Judgments to write, a TSV.")],
    layout: Layout = None,
    floor: Floor = None,
    max_requests: MaxRequests = None,
    max_tokens: MaxTokens = None,
    *,
    strict: Strict = False,
) -> None:
    """Grade pairs of query and product; a run that was stopped goes on where it was."""
    from training.judges.labelling import label_file

    label_file(
        _opener(judge_path, floor, max_requests, max_tokens),
        products=products,
        candidates=candidates,
        layout=layout,
        strict=strict,
        out=out,
        say=_say,
    )


def _opener(
    path: Path, floor: float | None, max_requests: int | None, max_tokens: int | None
) -> Callable[[Sequence[Product]], AbstractContextManager[OpenJudge]]:
    """Opens the judge once the products it reads are known."""
    from training.judges.opening import open_judge

    return lambda goods: open_judge(
        path, goods, floor=floor, max_requests=max_requests, max_tokens=max_tokens
    )


def _say(line: str) -> None:
    typer.echo(line, err=True)

"""`gradus train`: products and judgments in, a refined encoder checkpoint out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from catalog.errors import TrainingError

app = typer.Typer(add_completion=False)


@app.command()
def train(
    products: Annotated[
        list[Path], typer.Option(help="Product file (JSONL, CSV, TSV, Parquet); may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="Directory of the checkpoint to write.")],
    recipe: Annotated[
        str, typer.Option(help="demo, esci, bag, pretrained, or a TOML file of your own.")
    ] = "demo",
    qrels: Annotated[
        list[Path] | None,
        typer.Option(help="Judgments: query, product_id and esci, grade or label."),
    ] = None,
    extra_qrels: Annotated[
        list[Path] | None,
        typer.Option(help="Further judgments that teach but are never drawn into the dev split."),
    ] = None,
    queries: Annotated[
        list[Path] | None,
        typer.Option(help="Queries without judgments: .txt, or TSV with a query column."),
    ] = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(help="Judgments whose queries must not be trained on; a leak is refused."),
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="Layout of the product files: a name or a TOML file.")
    ] = None,
    base_model: Annotated[
        str, typer.Option(help="Hub id or path of a pretrained encoder, instead of a fresh one.")
    ] = "",
    judge: Annotated[
        Path | None,
        typer.Option(
            help="Grades mined pairs that nobody judged, and synthetic queries: the directory of "
            "a cross-encoder, the TOML file of a language model, or a file of judgments. "
            "See gradus judge."
        ),
    ] = None,
    synthetic: Annotated[
        Path | None,
        typer.Option(
            help="Queries that a language model or a person wrote for products, as product_id and "
            "query; used in place of templates. Wants augment.synthetic_share and --judge."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's seed.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes all cores.")] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting of the recipe: section.key=value."),
    ] = None,
    *,
    strict: Annotated[bool, typer.Option(help="Stop at the first broken line.")] = False,
) -> None:
    """Train an encoder with Mine and Refine.

    Without --base-model the subwords and the network are learned from your own products (stage 0).
    Then judged queries pull products towards them by grade (stage 1), hard samples are mined, and
    the grades are spaced apart (stage 2). A run that is killed goes on when started again.
    """
    from training.corpus import CorpusFiles
    from training.job import run_job
    from training.recipe import load_recipe

    changes = dict(_pair(text) for text in set_ or [])
    if base_model:
        changes["network.base_model"] = json.dumps(base_model, ensure_ascii=False)  # "5" is a text
    if seed is not None:
        changes["seed"] = str(seed)
    files = CorpusFiles(
        products=products,
        qrels=qrels or (),
        extra_qrels=extra_qrels or (),
        queries=queries or (),
        held_out=held_out or (),
        synthetic=synthetic,
        layout=layout,
        strict=strict,
    )
    run_job(load_recipe(recipe, changes), files, out, threads=threads, say=_say, judge=judge)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise TrainingError(
            "cannot read a --set option", expected="section.key=value", found=repr(text)
        )
    return key, value

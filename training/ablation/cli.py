"""`gradus ablate`: what each part of the method is worth, on your data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def ablate(
    config: Annotated[Path, typer.Argument(help="TOML file: data, recipe, seeds, arms, tests.")],
    out: Annotated[Path, typer.Option(help="Directory of the results; runs below it are kept.")],
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes all cores.")] = 0,
) -> None:
    """Train the arms (a) to (h) from one base a seed and compare them on test queries.

    Every arm makes equally many steps and as many trials on the dev split. A killed
    ablation goes on with the runs that are not there yet.
    """
    import torch

    from training.ablation.config import read_config
    from training.ablation.job import Ablation
    from training.ablation.plots import draw_scores
    from training.ablation.table import markdown, summarise
    from training.memory import keep_freed_memory

    if threads:
        torch.set_num_threads(threads)
    keep_freed_memory()
    read = read_config(config)
    ablation = Ablation(read, out, lambda line: typer.echo(line, err=True))
    records = ablation.run()
    results = {name: summarise(records, name) for name in read.tests}
    body = {
        "recipe": read.recipe.record(),
        "seeds": list(read.seeds),
        "learning_rates": [rates.name for rates in read.one_stage],
        "two_stage_rates": [rates.name for rates in read.two_stage],
        "trials": ablation.trials(),
        "judge": ablation.source or None,
        "products": len(ablation.corpus.products),
        "train_queries": len(ablation.corpus.train),
        "dev_queries": len(ablation.corpus.dev),
        "tests": {
            name: {"queries": len(ablation.tests[name]), "arms": arms}
            for name, arms in results.items()
        },
    }
    (out / "ablation.json").write_text(json.dumps(body, indent=1) + "\n")
    for name, arms in results.items():
        table = markdown(arms, read.seeds, len(ablation.tests[name]))
        (out / f"{name}.md").write_text(table)
        draw_scores(records, name, out / f"{name}.png")
        typer.echo(f"{name}: {table}")

"""`gradus demo-data`: write a made-up shop with queries and judgments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.demo import QueryCounts, generate, write

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo_data(
    out: Annotated[Path, typer.Option(help="Directory to write.")],
    products: Annotated[int, typer.Option(help="Size of the shop.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Another seed, another shop.")] = 7,
    train_queries: Annotated[int, typer.Option(help="Queries to train on.")] = 800,
    calibration_queries: Annotated[int, typer.Option(help="Queries to calibrate on.")] = 500,
    test_queries: Annotated[int, typer.Option(help="Queries to measure on.")] = 250,
    policy: Annotated[
        str,
        typer.Option(
            help="What counts as a substitute: standard; strict (no complements); "
            "lenient (siblings may miss a wish)."
        ),
    ] = "standard",
) -> None:
    """Write a made-up shop: products, queries as shoppers type them, graded judgments.

    The same arguments write the same bytes. docs/demo-shop.md has the rules of grading.
    """
    counts = QueryCounts(train_queries, calibration_queries, test_queries)
    manifest = write(generate(seed, products, counts=counts, policy=policy), out)
    typer.echo(summary(manifest.quality))
    typer.echo(f"wrote {out}")


def summary(figures: Any) -> str:
    """The figures of a manifest, for people."""
    lines = [f"{figures['products']:,} products of {figures['types']} types"]
    for split, pairs in figures["pairs"].items():
        queries, judged = figures["queries"][split], sum(pairs.values())
        lines.append(
            f"{split:<11} {queries:>6,} queries, {judged:>8,} pairs: "
            f"{pairs['2']:,} exact, {pairs['1']:,} substitute, {pairs['0']:,} irrelevant"
        )
    return "\n".join(lines)

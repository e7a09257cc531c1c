"""`gradus demo-data`: write a made-up shop with queries and judgments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.demo import QueryCounts, generate, write
from catalog.demo.engagement_log import write_logs
from catalog.demo.label_noise import write_label_noise

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
    searches: Annotated[
        int,
        typer.Option(min=0, help="Also simulate so many searches and what followed (UBI logs)."),
    ] = 0,
    label_noise: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of training labels to make wrong; the true ones lie beside."
        ),
    ] = 0.0,
) -> None:
    """Write a made-up shop: products, queries as shoppers type them, graded judgments.

    The same arguments write the same bytes. docs/demo-shop.md has the rules of grading.
    """
    counts = QueryCounts(train_queries, calibration_queries, test_queries)
    shop = generate(seed, products, counts=counts, policy=policy)

    def also(directory: Path) -> dict[str, Any]:
        more: dict[str, Any] = {}
        if label_noise:
            write_label_noise(directory, shop.judgments, label_noise, seed)
            more["label_noise"] = label_noise
        if searches:
            more["engagement"] = write_logs(shop, directory, searches, seed)
        return more

    manifest = write(shop, out, also)
    typer.echo(summary(manifest.quality))
    if label_noise:
        typer.echo(f"{label_noise:.1%} of the training labels are wrong")
    if searches:
        typer.echo(f"{searches:,} searches, {manifest.config['engagement']['events']:,} events")
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

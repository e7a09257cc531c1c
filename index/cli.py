"""The verbs `gradus index build|publish|list|verify` and `gradus search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

index_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Build, publish, list and verify search indexes.",
)
search_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Root = Annotated[Path, typer.Option("--index", help="Directory that `index build --out` wrote.")]
Anything = Annotated[
    Path, typer.Option("--index", help="An index root (its live version), or one version in it.")
]


@index_app.command()
def build(
    products: Annotated[
        list[Path], typer.Option(help="Product file: .jsonl, .csv, .tsv, .parquet. May repeat.")
    ],
    encoder: Annotated[Path, typer.Option(help="Encoder bundle that `gradus export` wrote.")],
    out: Annotated[Path, typer.Option(help="Root of the index; versions are kept below it.")],
    layout: Annotated[
        list[str] | None,
        typer.Option(
            help="How the product files are laid out: gradus (default), esci, wands, grocerydb, "
            "retail_demo or a TOML file. Once for all files, or once for each."
        ),
    ] = None,
    qrels: Annotated[
        Path | None,
        typer.Option(help="Judgments to calibrate on, of queries that the encoder never saw."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Index of the same encoder to take the calibration from.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="Model of the bundle: int8, fp32 or fp16.")
    ] = "int8",
    policy: Annotated[
        str,
        typer.Option(
            help="How tiers are cut: balanced, or precision(exact)>=P@C, with confidence C at "
            "least P of the hits shown as exact are. Wants --qrels."
        ),
    ] = "balanced",
    allow_in_sample: Annotated[
        bool,
        typer.Option("--allow-in-sample", help="Calibrate on queries that trained the encoder."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first broken line instead of skipping it.")
    ] = False,
    plan: Annotated[
        str,
        typer.Option(
            help="How near vectors are found: graph (HNSW); scan (half a byte a dimension, what "
            "seems nearest scored exactly); or auto, the faster one at this size. The build has "
            "either look as widely as recall asks for."
        ),
    ] = "auto",
    vectors: Annotated[
        str, typer.Option(help="How vectors are stored: fp32, fp16 or int8.")
    ] = "fp32",
    dims: Annotated[
        int, typer.Option(help="Keep the first so many dimensions of each vector; 0 keeps all.")
    ] = 0,
    shards: Annotated[
        int, typer.Option(help="Cut the catalogue by product id; statistics stay global.")
    ] = 1,
    recall_target: Annotated[
        float | None,
        typer.Option(
            help="Tune the graph: try several links and breadths against exact search, keep the "
            "quickest that finds this share of the nearest 10 and 20. Without it 0.99 is reached "
            "by breadth alone. A scan has no graph to tune."
        ),
    ] = None,
    links: Annotated[int, typer.Option(help="M of the graph: links a node.")] = 32,
    ef_construction: Annotated[int, typer.Option(help="Breadth of building the graph.")] = 200,
    ef: Annotated[
        int, typer.Option(help="Least breadth of searching the graph; raised as recall needs.")
    ] = 200,
    language: Annotated[
        str, typer.Option(help="Language of products and queries, as a code: en, de, ja …")
    ] = "en",
    synonyms: Annotated[
        Path | None,
        typer.Option(help="Synonyms, one group a line: `tv, television` or `kicks => shoes`."),
    ] = None,
    query_log: Annotated[
        Path | None,
        typer.Option(
            help="Queries that shoppers typed, for spelling and suggestions: .txt with one a line, "
            "or columns query, frequency."
        ),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Pins, buries and tie-breaks by query, TOML or JSON.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="When the products were as the files say, ISO 8601: live updates made since are "
            "carried over. Without it, the time of the oldest file."
        ),
    ] = None,
    publish: Annotated[
        bool, typer.Option(help="Make the new version the live one at once.")
    ] = True,
) -> None:
    """Turn products and an encoder into a searchable index, and make it the live version.

    Without --qrels and --calibration the index takes the shipped calibration, marked `default`.
    """
    from index.build_job import BuildJob
    from index.words.settings import WordSettings

    job = BuildJob(
        products=tuple(products),
        layouts=tuple(layout or ()),
        encoder=encoder,
        root=out,
        qrels=qrels,
        calibration=calibration,
        precision=precision,
        policy=policy,
        allow_in_sample=allow_in_sample,
        strict=strict,
        live=publish,
        plan=plan,
        vectors=vectors,
        dims=dims,
        shards=shards,
        recall_target=recall_target,
        words=WordSettings(language, synonyms, query_log),
        links=links,
        ef_construction=ef_construction,
        ef=ef,
        rules=rules,
        as_of=as_of,
    )
    typer.echo(job.run())


@index_app.command("publish")
def publish_version(
    version: Annotated[str, typer.Argument(help="Name of the version; see `gradus index list`.")],
    index: Root,
) -> None:
    """Make a version the live one, after hashing all its files; tell what changes by it."""
    from index.bundle import check_whole
    from index.drift import drift_from_live, drift_lines
    from index.versions import find_version, publish

    check_whole(find_version(index, version))
    drift = drift_from_live(index, version)
    publish(index, version)
    typer.echo("\n".join([*drift_lines(drift), f"live: {version}"]))


@index_app.command("list")
def list_all(index: Root) -> None:
    """Show the versions of an index, newest first; a star marks the live one."""
    from index.report import versions_table
    from index.versions import list_versions

    typer.echo(versions_table(list_versions(index)))


@index_app.command()
def verify(index: Anything) -> None:
    """Hash every file of an index, open it, and check that its encoder made its vectors."""
    from index.bundle import check_whole

    bundle = check_whole(index)
    typer.echo(
        f"{bundle.version}: whole, {len(bundle.store):,} products, "
        f"encoder {bundle.encoder_fingerprint[:12]}, calibration {bundle.calibration.name}"
    )


@search_app.command()
def search(
    query: Annotated[str, typer.Argument(help="What the shopper types.")],
    index: Anything,
    limit: Annotated[int, typer.Option(help="Hits to show, 1 to 100.")] = 10,
    offset: Annotated[int, typer.Option(help="Hits to skip.")] = 0,
    mode: Annotated[str, typer.Option(help="hybrid, lexical or semantic.")] = "hybrid",
    min_tier: Annotated[
        str, typer.Option(help="Lowest tier to show: exact, substitute or irrelevant.")
    ] = "substitute",
    exact: Annotated[bool, typer.Option("--exact", help="Scan every vector, no graph.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show how each hit scored.")] = False,
    correct: Annotated[bool, typer.Option(help="Read misspelt words as what they mean.")] = True,
    lang: Annotated[
        str | None, typer.Option(help="Language of the query; has to be that of the index.")
    ] = None,
    filter_: Annotated[
        str, typer.Option("--filter", help="Which products may be found: price < 5 AND …")
    ] = "",
    facets: Annotated[str, typer.Option(help="Fields to count values of: brand,category")] = "",
    sort: Annotated[str, typer.Option(help="Order within a tier: price:asc, newest, …")] = "",
    fields: Annotated[str, typer.Option(help="Fields to show with --json: title,price")] = "",
    highlight: Annotated[str, typer.Option(help="Fields to mark with --json: title")] = "",
    group_by: Annotated[str, typer.Option(help="Field of which to show one hit a value.")] = "",
    rules: Annotated[
        Path | None, typer.Option(help="Pins and buries, instead of those of the index.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Ask an index one query."""
    from index.engine import Engine
    from index.report import answer_json, answer_table
    from index.request import SearchRequest
    from index.rules import read_rules

    request = SearchRequest(
        query,
        limit=limit,
        offset=offset,
        mode=mode,  # type: ignore[arg-type]
        min_tier=min_tier,  # type: ignore[arg-type]
        exact=exact,
        explain=explain,
        correct=correct,
        lang=lang,
        filter=filter_,
        facets=_names(facets),
        sort=_names(sort),
        fields=_names(fields),
        highlight=_names(highlight),
        group_by=group_by,
    ).validated()
    kept = None if rules is None else read_rules(rules)
    result = Engine.open(index, rules=kept).search(request)
    typer.echo(answer_json(result) if as_json else answer_table(result))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())

"""`gradus export`: encoder checkpoint in, encoder bundle out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalog.errors import BundleError
from export.likeness import SHARE

if TYPE_CHECKING:
    from export.build import Exported
    from export.texts import ParityTexts

app = typer.Typer(add_completion=False)


class Extra(StrEnum):
    """The precisions made beside fp32, which is always made."""

    int8 = "int8"
    fp16 = "fp16"


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="Directory that `gradus train` wrote.")],
    out: Annotated[Path, typer.Option(help="Directory of the bundle to write.")],
    precision: Annotated[
        list[Extra] | None,
        typer.Option(help="Made beside fp32; may be given twice. By default both."),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(help='Compare on these texts: JSON {"queries": [...], "items": [...]}.'),
    ] = None,
    products: Annotated[
        Path | None, typer.Option(help="Compare on this catalogue (with --queries).")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="Compare on these queries (with --products).")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="Layout of --products: a name or a TOML file.")
    ] = None,
    late: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of late interaction in the semantic scores of a bag of subwords.",
        ),
    ] = SHARE,
) -> None:
    """Turn a trained encoder into an ONNX bundle that an index and a server can use.

    Every model is compared with the checkpoint on real texts, by default those that training
    stored beside it; a bundle that strays out of bounds is not written.
    """
    from export.build import export_encoder

    exported = export_encoder(
        checkpoint,
        out,
        texts=_texts(checkpoint, texts, products, queries, layout),
        precisions=tuple(kind.value for kind in precision or list(Extra)),
        late=late,
        say=lambda line: typer.echo(line, err=True),
    )
    typer.echo(table(exported))
    typer.echo(f"wrote {out}")


def table(exported: Exported) -> str:
    """What was measured, one line a model, then the notes."""
    lines = [
        f"{'model':6} {'format':9} {'MB':>7} {'against':8} {'cosine mean':>12} {'min':>8} "
        f"{'rank@10':>8} {'alone-batched':>14}"
    ]
    lines += [
        f"{made.precision:6} {made.format:9} {made.size / 1e6:7.1f} {made.against:8} "
        f"{made.mean_cosine:12.6f} {made.min_cosine:8.6f} {made.rank_agreement:8.4f} "
        f"{made.batch_difference:14.1e}"
        for made in exported.models
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in exported.notes)])


def _texts(
    checkpoint: Path,
    texts: Path | None,
    products: Path | None,
    queries: Path | None,
    layout: str | None,
) -> ParityTexts | None:
    from catalog.encoder_spec import EncoderSpec
    from export.texts import ParityTexts

    if texts is not None:
        return ParityTexts.load(texts)
    if products is None and queries is None:
        return None
    if products is None or queries is None:
        raise BundleError(
            "--products and --queries belong together",
            expected="both",
            found="--products" if queries is None else "--queries",
        )
    template = EncoderSpec.load(checkpoint).template
    return ParityTexts.from_catalogue(products, queries, layout, template)

"""`gradus export`: encoder checkpoint in, encoder bundle out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="Directory that `gradus train` wrote.")],
    out: Annotated[Path, typer.Option(help="Directory of the bundle to write.")],
) -> None:
    """Turn a trained encoder into an ONNX bundle that an index and a server can use."""
    import onnx

    from catalog.artefact import read_manifest, write_manifest, writing
    from export.bundle import KIND, TRAIN_QUERIES_FILE, model_file
    from export.convert import write_onnx
    from export.quantise import weight_only_int8
    from export.tokens import TOKENIZER_FILE
    from training.model import TwinEncoder

    manifest = read_manifest(checkpoint, "checkpoint")
    model = TwinEncoder.load(checkpoint)
    with writing(out) as directory:
        model.spec.save(directory)
        for name in (TOKENIZER_FILE, TRAIN_QUERIES_FILE):
            shutil.copyfile(checkpoint / name, directory / name)
        write_onnx(model, directory / model_file("fp32"))
        onnx.save(
            weight_only_int8(onnx.load(directory / model_file("fp32"))),
            directory / model_file("int8"),
        )
        (directory / "parity.json").write_text(json.dumps({}))
        write_manifest(directory, KIND, parents={"checkpoint": manifest.fingerprint})
    typer.echo(f"wrote {out}")
